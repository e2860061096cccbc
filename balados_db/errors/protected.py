"""Refused: something that is to be kept would be harmed (exit 5)."""

from __future__ import annotations

from balados_db.errors.tree import BaladosDbError
from balados_db.exits import ExitStatus


class Protected(BaladosDbError):
    """{problem}"""

    code = "protected"
    exit_status = ExitStatus.PROTECTED


class EnvironmentProtected(Protected):
    """This database is stamped {environment!r}, which is protected: permanent data and events cannot be reset in it."""

    code = "environment_protected"
    cure = "if that is wrong, correct the stamp: balados-db environment set NAME"
    mends = ("balados-db environment show",)


class EnvironmentMismatch(Protected):
    """The manifest says {expected!r}, but the database is stamped {actual!r}."""

    code = "environment_mismatch"
    cure = "check which database the URL names; balados-db environment show says what the database believes"
    mends = ("balados-db environment show",)


class EnvironmentsDiffer(Protected):
    """The databases are not of one environment: they are stamped {stamps}."""

    code = "environments_differ"
    cure = "check each URL; balados-db environment show says what each database believes"
    mends = ("balados-db environment show",)


class ReadOnlyServer(Protected):
    """{problem}: nothing can be written here."""

    code = "read_only"
    cure = "connect to the primary, with a role and database that may write"
    mends = ("balados-db doctor",)


class DependentsOutside(Protected):
    """{count} object(s) outside the scope would fall with it: {names}."""

    code = "dependents_outside"
    cure = (
        "move what they depend on into a schema that is kept, declare the schema permanent, or, unless a foreign key "
        "or a sequence is among them, reset with --empty, which drops nothing"
    )


class InheritanceAcross(Protected):
    """Tables inherit or are partitioned across the border of the scope: {names}."""

    code = "inheritance_across"
    cure = "detach the partition, or keep parent and children in schemas of one kind"


class ReferencedFromOutside(Protected):
    """Tables outside the scope reference tables that would be emptied: {names}."""

    code = "referenced_from_outside"
    cure = "drop the foreign key (keep the plain column), or move the referencing table into the projection"


class UndeclaredPositions(Protected):
    """The checkpoint tables hold names that the manifest does not declare: {names}."""

    code = "undeclared_positions"
    cure = (
        'declare each as [projectors.NAME] (its tables are rebuilt) or as [subscriptions."NAME"] '
        "(its position is kept), or delete its row if it is a leftover"
    )
    mends = ("balados-db verify",)


class ProjectorAcrossScope(Protected):
    """Projector {projector!r} also fills tables outside this scope: {tables}."""

    code = "projector_across_scope"
    cure = "add --with-dependents to take them along, or reset all projections"
    again = "--with-dependents"


class ProjectorsBound(Protected):
    """Other projectors depend on what this reset empties: {names}."""

    code = "projectors_bound"
    cure = "add --with-dependents to let them start over together, or reset all projections"
    again = "--with-dependents"


class ProjectorReadsMissing(Protected):
    """Projector {projector!r} is said to read what is not there: {tables}; nobody knows what is meant."""

    code = "projector_reads_missing"
    cure = "correct its `reads` in the manifest, or apply what is pending with balados-db migrate"
    mends = ("balados-db migrate",)


class ProjectorWithoutPosition(Protected):
    """No position of projector {projector!r} is known, although its tables hold rows: nobody would fill them again."""

    code = "projector_without_position"
    cure = "name the projector in the manifest as its checkpoint table does, or declare that table as [[checkpoints]]"
    mends = ("balados-db verify",)


class ProjectorTablesMissing(Protected):
    """The tables of projector {projector!r} are not all there: {tables}."""

    code = "projector_tables_missing"
    cure = "correct its `tables` in the manifest; only then can it start over without writing rows twice"
    mends = ("balados-db verify",)


class NotForTests(Protected):
    """Database {database} on {server} is stamped {environment}: no tests make databases beside it."""

    code = "not_for_tests"
    cure = "give the tests a server of their own"


class AcrossDatabases(Protected):
    """This concerns several databases ({names}), and {command} works in one: positions would be left behind."""

    code = "across_databases"


class CheckpointTableMissing(Protected):
    """A checkpoint table that the manifest declares does not exist: {table}."""

    code = "checkpoint_table_missing"
    cure = "correct its name, or say `optional = true` where it comes later"
    mends = ("balados-db verify",)


class UnreadableText(Protected):
    """The database holds text that is not valid UTF-8, so nothing can be said about it: {problem}."""

    code = "unreadable_text"
    cure = "find it and mend it: a database without an encoding (SQL_ASCII) takes any bytes, in names and bodies too"


class NoTable(Protected):
    """{table} is declared to hold positions, but it is no table: what it shows would stay where it is."""

    code = "no_table"
    cure = "name the table itself in the manifest's checkpoints"


class ReplayNever(Protected):
    """Subscription {name!r} is declared replay = "never": its position cannot be moved while its events exist."""

    code = "replay_never"
    cure = "declare it as a subscription only, not as a projector"


class EventStoreInScope(Protected):
    """Schema {schema!r} is declared a {kind}, but it holds an event store ({tables})."""

    code = "event_store_in_scope"
    cure = 'declare it with kind = "event_store"'
    mends = ("balados-db verify",)


class UnknownEventStore(Protected):
    """Schema {schema!r} does not hold the event store that the manifest declares: missing {missing}."""

    code = "unknown_event_store"
    cure = "run balados-db init, or correct `layout` in the manifest"
    mends = ("balados-db init",)


class RecreateImpossible(Protected):
    """Schema {schema!r} cannot be recreated: {reason}."""

    code = "recreate_impossible"
    cure = "empty it instead with --empty, or mend the reason"
    again = "--empty"


class EmptyImpossible(Protected):
    """Schema {schema!r} cannot be emptied in place: {reason}."""

    code = "empty_impossible"
    cure = "reset it with --recreate"
    again = "--recreate"


class Undroppable(Protected):
    """Schema {schema!r} holds objects that balados-db does not know how to drop: {names}."""

    code = "undroppable"
    cure = "drop them by hand, move them into another schema, or reset with --empty"


class RefusedByDatabase(Protected):
    """The database itself refuses: {problem} (at: {step}). Nothing was changed."""

    code = "refused_by_database"
    cure = "it is somebody's guard: ask whoever made it; one that only stops dropping lets --empty through"
    mends = ("balados-db doctor",)


class DropRefused(Protected):
    """{object} cannot be dropped: {problem}. Nothing was changed."""

    code = "drop_refused"
    cure = "drop or move what depends on it, or reset with --empty, which drops nothing"
    again = "--empty"


class TooLarge(Protected):
    """This would hold about {needed} locks in one transaction; the server has room for about {room}."""

    code = "too_large"
    cure = "raise max_locks_per_transaction to at least {advice} and restart the server"
    mends = ("balados-db doctor",)


class UnfinishedReset(Protected):
    """A reset that was begun at {begun} is not finished: {done} of its {phases} transactions are done."""

    code = "unfinished_reset"
    cure = "stop the projectors, then finish it: {resume}"

    @property
    def next_actions(self) -> tuple[tuple[str, ...], ...]:
        """The command that finishes it."""
        return (("balados-db", *self.facts["arguments"]),)


class NotGivenBack(Protected):
    """{count} right(s) could not be given back to what was made anew: {names}. Nothing was changed."""

    code = "not_given_back"
    cure = "do what is said beside each, or reset with --empty, which leaves them as they are"
    again = "--empty"


class NotAllowed(Protected):
    """Role {role!r} may not do this: {problem}"""

    code = "not_allowed"
    cure = "grant what is missing, or connect as the owner"
    mends = ("balados-db doctor",)

    @property
    def message(self) -> str:
        """As everybody's; before it is known who asks, it is this role."""
        return super().message.replace("Role ''", "This role", 1)


class NeedsOwnSession(Protected):
    """A pooler is in between, and {migrations} cannot run through it: outside a transaction, each statement of the
    file may reach another session, and what one sets is not there for the next."""

    code = "needs_own_session"
    cure = "for this run give a URL that goes straight to the server: --url"
    mends = ("balados-db doctor",)


class NoTransactions(Protected):
    """The pooler in between allows no transactions: {problem}."""

    code = "no_transactions"
    cure = "give a URL that goes straight to the server, or to a pool in transaction or session mode"
    mends = ("balados-db doctor",)


class PoolersConsole(Protected):
    """{database!r} is the pooler's own console, not a database."""

    code = "poolers_console"
    cure = "put the database's name at the end of the URL"


class DifferencesFound(Protected):
    """Schema {schema!r} differs from what its migrations would make, in {count} place(s)."""

    code = "differences_found"
    cure = "mend them, or accept each by name with --accept NAME"
