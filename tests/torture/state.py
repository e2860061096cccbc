"""What a database holds and is made of, in a form that two databases can be compared by."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from tests.conftest import Database

# Times, and numbers that a rolled-back run uses up.
MOVING = ["id", "created_at", "installed_at", "recorded_at", "applied_at_utc", "created_at_utc", "installed_at_utc"]
SEEDED = "events.streams"  # a reset makes its first row anew
STRUCTURE = """
with namespaces as (
  select oid, nspname, nspowner, nspacl from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
), relations as (
  select c.* from pg_class c join namespaces n on n.oid = c.relnamespace where relkind <> 'i'
)
select 'schema ' || nspname, concat_ws(' ', nspowner::regrole, nspacl) from namespaces
union all
select 'relation ' || oid::regclass, concat_ws(' ', relkind, relowner::regrole, relacl, reloptions, relrowsecurity, obj_description(oid, 'pg_class'))
  from relations
union all
select 'column ' || a.attrelid::regclass || '.' || attname,
       concat_ws(' ', attnum, format_type(atttypid, atttypmod), attnotnull, attidentity, attacl, pg_get_expr(adbin, adrelid))
  from pg_attribute a
  join relations r on r.oid = attrelid
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
 where attnum > 0
   and not attisdropped
union all
select 'constraint ' || r.oid::regclass || ' ' || conname, pg_get_constraintdef(c.oid) from pg_constraint c join relations r on r.oid = conrelid
union all
select 'index ' || indexrelid::regclass, pg_get_indexdef(indexrelid) from pg_index join relations r on r.oid = indrelid
union all
select 'trigger ' || r.oid::regclass || ' ' || tgname, tgenabled::text || pg_get_triggerdef(t.oid) from pg_trigger t join relations r on r.oid = tgrelid
 where not tgisinternal
union all
select 'view ' || oid::regclass, pg_get_viewdef(oid) from relations where relkind in ('v', 'm')
union all
select 'function ' || p.oid::regprocedure, concat_ws(' ', proowner::regrole, proacl, md5(pg_get_functiondef(p.oid)))
  from pg_proc p join namespaces n on n.oid = pronamespace
"""
SEQUENCES = (
    "select schemaname, sequencename, coalesce(last_value, 0) from pg_sequences where schemaname <> 'balados_db'"
)
FILES = """
select n.nspname, c.oid::regclass::text, c.oid, pg_relation_filenode(c.oid)
  from pg_class c
  join pg_namespace n on n.oid = relnamespace
 where nspname !~ '^pg_'
   and nspname <> 'information_schema'
"""


@dataclass(frozen=True)
class State:
    """`facts` say what is there, rows too; `files` whether it is still the same thing; one receipt a destructive run.

    A server that crashes lets a sequence skip some numbers, so these are only known not to go back.
    """

    facts: dict[str, str]
    files: dict[tuple[str, str], tuple[int, int]]
    sequences: dict[tuple[str, str], int]
    receipts: int

    def is_still(self, before: State, schemas: tuple[str, ...] | None = None) -> bool:
        """Whether nothing happened to these schemas, or to any."""
        kept = {key: file for key, file in before.files.items() if schemas is None or key[0] in schemas}
        numbers = {key: n for key, n in before.sequences.items() if schemas is None or key[0] in schemas}
        untouched = kept.items() <= self.files.items() and all(self.sequences[key] >= n for key, n in numbers.items())
        return untouched and (schemas is not None or (self.facts, self.receipts) == (before.facts, before.receipts))

    def differences(self, other: State) -> list[str]:
        """The names of the facts that are not the same in both."""
        return sorted(k for k in self.facts.keys() | other.facts.keys() if self.facts.get(k) != other.facts.get(k))


def read_state(database: Database) -> State:
    """Read everything in one transaction."""
    with database.connect() as conn, conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        conn.execute("set local search_path = pg_catalog")
        files = {(schema, name): (oid, file) for schema, name, oid, file in conn.execute(FILES)}
        sequences = {(schema, name): last for schema, name, last in conn.execute(SEQUENCES)}
        facts = {name: str(fact) for name, fact in conn.execute(STRUCTURE)}
        tables = [name for name in facts if name.startswith("relation ") and facts[name][0] in "rm"]
        rows = {f"rows {t}": _rows(conn, t) for t in (name.removeprefix("relation ") for name in tables)}
        receipts = rows.pop("rows balados_db.receipt", "0")
        return State({**facts, **rows}, files, sequences, int(receipts))


def _rows(conn: psycopg.Connection[tuple[object, ...]], table: str) -> str:
    """How many rows a table holds, and a hash of them."""
    schema, _, name = table.partition(".")
    moving = MOVING if schema == "balados_db" or "yoyo" in name or table == SEEDED else []
    row = sql.SQL("to_jsonb(t) - {}::text[]").format(sql.Literal(moving))
    question = sql.SQL(
        "select count(*), md5(string_agg(r::text, '|' order by r::text)) from (select {} as r from {} t) s"
    )
    counted = conn.execute(question.format(row, sql.SQL(table))).fetchone()
    assert counted is not None
    return str(counted[0]) if table == "balados_db.receipt" else f"{counted[0]} {counted[1]}"
