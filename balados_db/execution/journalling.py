"""Handlers of the steps that tie several transactions together."""

from __future__ import annotations

from dataclasses import asdict, replace

from balados_db.execution.run import Run, handles
from balados_db.planning import steps
from balados_db.postgres import journal, plans
from balados_db.postgres.rights import read_rights


@handles(steps.OpenJournal)
def open_journal(step: steps.OpenJournal, run: Run) -> None:
    """With the rights that recreating is to give back: after a crash they could be read nowhere else."""
    kept = {s.schema: s.keep for s in run.plan.steps if isinstance(s, steps.GiveBack)}
    promised = run.plan.not_restored
    found = {name: read_rights(run.conn, name, kept[name]) for name in step.recreated if name in kept}
    rights = {name: replace(rights, promised=promised) for name, rights in found.items()}
    facts = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(step).items()}
    journal.open_journal(run.conn, {**facts, "digest": run.plan.digest, "client": run.client}, rights)


@handles(steps.NoteProgress)
def note_progress(step: steps.NoteProgress, run: Run) -> None:
    """Committed with the work, so that it is never ahead of it nor behind."""
    journal.note_progress(run.conn, step.done)


@handles(steps.CloseJournal)
def close_journal(step: steps.CloseJournal, run: Run) -> None:
    """Nothing is left to be finished, nor of a plan file that began it."""
    journal.close_journal(run.conn)
    plans.end_begun_resets(run.conn)
