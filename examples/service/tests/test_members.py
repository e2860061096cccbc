"""Members are rows like any other."""

import psycopg
import pytest
from loans import members


def test_somebody_joins(balados_database):
    with balados_database.connect() as conn:
        members.join(conn, "ada@example.org")

        assert members.emails(conn) == ["ada@example.org"]


def test_nobody_joins_twice(balados_database):
    with balados_database.connect() as conn:
        members.join(conn, "ada@example.org")

        with pytest.raises(psycopg.errors.UniqueViolation):
            members.join(conn, "ada@example.org")


def test_every_test_has_a_database_of_its_own(balados_database):
    with balados_database.connect() as conn:
        assert members.emails(conn) == []
