"""`doctor`: the connection, the server, the role: what it could destroy, and what would fail."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from balados_db.answers.looking import DoctorAnswer, SeenConnection, SeenServer
from balados_db.cli.databases import look_at_each
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.model import DatabaseState, Manifest
    from balados_db.planning.powers import Examination, SessionFacts


@command(
    "doctor",
    """What this login could destroy, and what would fail.

    The connection, the server, the role, a pooler, a standby, and settings that change what a reset does.
    What is in the way is a finding (exit 4); what is merely good to know is a note. Nothing is written.""",
)
def doctor(session: Session) -> Report:
    """Look, judge, say."""
    return look_at_each(session, _doctor)


def _doctor(session: Session) -> Report:
    manifest = session.manifest
    from balados_db.model import OLDEST
    from balados_db.planning.doctor import diagnose
    from balados_db.postgres.catalog import Look
    from balados_db.postgres.locking import looked_at
    from balados_db.postgres.login import examine, read_session

    with looked_at(session.open) as conn:
        facts = read_session(conn, session.source.name, _disagreement(session))
        if facts.server_version_num < OLDEST * 10_000:
            return _too_old(session, facts)
        seen, examination = examine(Look(conn=conn, manifest=manifest), facts)
    return Report(
        command=session.command,
        findings=diagnose(seen.state, manifest, examination),
        findings_answer=True,
        identity=seen.state.identity,
        result=_answer(seen.state, manifest, examination),
        tables=_tables(seen.state, manifest, examination),
    )


def _disagreement(session: Session) -> str | None:
    """What destructive commands refuse with: sources of the URL that name different databases, or cannot be read."""
    from balados_db.errors import InvalidUrl, TargetsDisagree

    try:
        session.refuse_disagreement()
    except TargetsDisagree as exc:
        return str(exc.facts["targets"])
    except InvalidUrl as exc:
        return exc.message
    return None


def _too_old(session: Session, facts: SessionFacts) -> Report:
    """An old server knows not even the catalogs that everything else is read from."""
    from balados_db.planning.doctor import of_version

    found = tuple(of_version(facts.server_version_num))
    return Report(command=session.command, findings=found, findings_answer=True, result=DoctorAnswer())


def _answer(state: DatabaseState, manifest: Manifest, seen: Examination) -> DoctorAnswer:
    from balados_db.planning.powers import guards, powers, room

    identity = state.identity
    assert identity is not None
    return DoctorAnswer(
        connection=_connection(seen.session),
        server=SeenServer(
            version=identity.server_version,
            standby=identity.in_recovery,
            read_only=identity.read_only,
            prepared_transactions=seen.prepared,
            event_triggers=seen.event_triggers,
        ),
        login=seen.login,
        settings=seen.session.settings,
        set_for_this_login=seen.overrides,
        room=room(state, manifest),
        could_destroy=powers(manifest, seen),
        guards=guards(manifest, seen),
        unseen=tuple(str(table) for table in seen.unseen),
    )


def _connection(session: SessionFacts) -> SeenConnection:
    return SeenConnection(
        url_from=session.source,
        pooled=session.pooled,
        backend_pid=session.backend_pid,
        handshake_pid=session.handshake_pid,
        options_dropped=session.dropped,
    )


def _tables(state: DatabaseState, manifest: Manifest, seen: Examination) -> dict[str, tuple[dict[str, Any], ...]]:
    """The same for people, without what is as it is everywhere."""
    from balados_db.planning.powers import guards, powers, room

    identity = state.identity
    assert identity is not None
    title = f"{identity.database} on {identity.server}, PostgreSQL {identity.server_version}"
    login, locks = seen.login, room(state, manifest)
    facts = {
        "URL from": seen.session.source,
        "pooler": seen.session.pooled,
        "role": login.role,
        "superuser": login.superuser,
        "database's owner": f"{login.database_owner}{' (or a role with its rights)' if login.owns_database else ''}",
        "may create databases": login.create_database,
        "set for this login": seen.overrides,
        "one transaction empties": f"{locks.tables_emptied:,} tables like these",
        "one transaction recreates": f"{locks.tables_recreated:,} tables like these",
    }
    return {
        title: tuple({"fact": name, "value": value} for name, value in facts.items()),
        "what this login could do to them outside of balados-db": tuple(asdict(p) for p in powers(manifest, seen)),
        "what refuses it": tuple(asdict(guard) for guard in guards(manifest, seen)),
    }
