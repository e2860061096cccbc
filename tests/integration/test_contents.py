"""Dropping what a schema contains: how much work that is, under locks that everybody waits for."""

from __future__ import annotations

from psycopg.rows import namedtuple_row

from balados_db.postgres.contents import drop_contents
from tests.conftest import Database

CHAIN = """
create schema deep; create table deep.base (n int); create view deep.v0 as select n from deep.base;
do $$ begin for i in 1..60 loop execute format('create view deep.v%s as select * from deep.v%s', i, i - 1); end loop; end $$;
"""


def test_a_chain_of_views_takes_one_round(database: Database) -> None:
    """The newest goes first: trying each of them until the last one is free takes minutes."""
    with database.connect(row_factory=namedtuple_row) as conn, conn.transaction():
        conn.execute(CHAIN)

        assert drop_contents(conn, ["deep"], []) == 1
