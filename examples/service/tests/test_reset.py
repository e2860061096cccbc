"""What operations will do one day: empty the shelf, and let the projector fill it again."""

from loans import members, projector


def test_a_reset_is_rebuilt_from_the_events(balados_database, balados_events):
    for number in range(20):
        balados_events.append(f"book-{number}", "BookLent", {"book": f"Volume {number}", "member": "ada@example.org"})
    with balados_database.connect() as conn:
        members.join(conn, "ada@example.org")
        projector.catch_up(conn)
    before = balados_database.execute("select * from shelf.loans order by book")

    reset = balados_database.run("reset", "--projections", "--confirm", "DELETE")

    assert reset.returncode == 0, reset.stderr
    assert balados_database.value("select count(*) from shelf.loans") == 0
    with balados_database.connect() as conn:
        assert members.emails(conn) == ["ada@example.org"]
        assert projector.catch_up(conn) == 20
    assert balados_database.execute("select * from shelf.loans order by book") == before


def test_nothing_is_reset_without_the_phrase(balados_database):
    with balados_database.connect() as conn:
        members.join(conn, "ada@example.org")

    refused = balados_database.run("reset", "--all")

    assert refused.returncode == 3
    assert balados_database.value("select count(*) from members.members") == 1
