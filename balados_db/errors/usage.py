"""Arguments, manifest or migrations are wrong (exit 2)."""

from __future__ import annotations

from balados_db.errors.tree import BaladosDbError
from balados_db.exits import ExitStatus


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
    cure = (
        "write it; `balados-db manifest init` proposes one from a database that is there; --manifest FILE names another"
    )
    mends = ("balados-db manifest init",)


class NoAppend(UsageError):
    """Layout {layout} does not say how an event is appended."""

    code = "no_append"
    cure = 'write the statement as `append` into [event_store], with layout = "custom"'


class UnknownSubscriber(UsageError):
    """{file} declares neither a projector nor a subscription {name}."""

    code = "unknown_subscriber"


class NoWorkingDirectory(UsageError):
    """The working directory does not exist any more."""

    code = "no_working_directory"
    cure = "go to one that does, `cd /` for example, and name the manifest with --manifest FILE"


class FileRefused(UsageError):
    """{file}: {problem}"""

    code = "file_refused"
    cure = "check the path, its permissions, and the room on its disk"


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


class MigrationsUnreadable(MigrationsMissing):
    """The migrations directory of schema {schema!r} cannot be read: {directory}: {problem}"""

    code = "migrations_unreadable"
    cure = "check its permissions"
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
    cure = (
        'name the directory in `install`; or say "preset", which is the layout\'s own SQL; or leave it out'
        " if the application installs the store"
    )
    mends = ("balados-db manifest check",)


class InstallSqlUnreadable(InstallSqlMissing):
    """{file}: cannot be read: {problem}"""

    code = "install_sql_unreadable"
    cure = "check its permissions, and that it is saved as UTF-8"
    mends = ("balados-db check",)


class MigrationEdited(UsageError):
    """Migrations of schema {schema!r} were edited after they had been applied: {migrations}."""

    code = "migration_edited"
    cure = "restore the files and write a new migration"
    mends = ("balados-db verify",)

    def of_projection(self) -> MigrationEdited:
        """Say what else there is: a schema that is rebuilt from events can follow its files."""
        self.hint += f"; or make the projection anew from them: balados-db reset --schema {self.facts['schema']}"
        self.mends = ("balados-db reset --schema {schema} --dry-run",)
        return self


class MigrationFileMissing(MigrationEdited):
    """Migrations are applied to schema {schema!r} whose files are gone: {migrations}."""

    code = "migration_file_missing"
    cure = "restore the files"
    mends = ("balados-db verify",)


class RollbackMissing(UsageError):
    """{migration} has no rollback file ({expected})."""

    code = "rollback_missing"
    cure = "write it, or go forward with a new migration"


class NothingToAdopt(UsageError):
    """Schema {schema!r} has migrations applied already: there is nothing to adopt."""

    code = "nothing_to_adopt"
    cure = "use balados-db migrate --schema {schema}"
    mends = ("balados-db migrate --schema {schema}",)


class ServerTooOld(UsageError):
    """The server is PostgreSQL {version}; balados-db needs {oldest} or newer."""

    code = "server_too_old"
    cure = "name another server, or upgrade this one"
    mends = ("balados-db doctor",)


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
