"""The shelf follows the events, from wherever the projector has got to."""

from loans import projector


def shelf(database):
    return dict(database.execute("select book, member from shelf.loans"))


def catch_up(database):
    with database.connect() as conn:
        return projector.catch_up(conn)


def test_a_book_is_with_whom_it_was_lent_to(balados_database, balados_events):
    balados_events.append("book-1", "BookLent", {"book": "Dune", "member": "ada@example.org"})
    balados_events.append("book-2", "BookLent", {"book": "Emma", "member": "bob@example.org"})
    balados_events.append("book-1", "BookReturned", {"book": "Dune"})

    assert catch_up(balados_database) == 3
    assert shelf(balados_database) == {"Emma": "bob@example.org"}


def test_events_that_were_seen_are_not_applied_again(balados_database, balados_events):
    number = balados_events.append("book-1", "BookLent", {"book": "Dune", "member": "ada@example.org"})
    balados_events.checkpoint("LoansProjector", number)
    balados_events.append("book-2", "BookLent", {"book": "Emma", "member": "bob@example.org"})

    assert catch_up(balados_database) == 1
    assert shelf(balados_database) == {"Emma": "bob@example.org"}
