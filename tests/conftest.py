"""What tests of every floor share: one real PostgreSQL for the session, and an empty database for every test.

`NOISEGATE_TEST_POSTGRES=postgresql://...` (a superuser's address) runs them on another server, for example on the
oldest version that is supported.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from noisegate.adapters.store.migrate import migrate
from noisegate.adapters.store.server import PostgresServer

TEMPLATE = "noisegate_template"


@pytest.fixture(scope="session")
def database_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Address of a database (`database`) for a user (`user`) of a running server that does not wait for the disk."""
    elsewhere = os.environ.get("NOISEGATE_TEST_POSTGRES")
    if elsewhere:
        known = conninfo_to_dict(elsewhere)
        yield lambda database, user=known["user"]: _url(known, database, user)
        return
    server = PostgresServer(tmp_path_factory.mktemp("postgres"), settings={"fsync": "off"})
    with server:
        yield server.url


@pytest.fixture(scope="session")
def new_database(database_address: Callable[..., str]) -> Callable[[], str]:
    """Makes an empty, migrated database and returns its address; for fixtures that live longer than a test."""
    numbers = count(1)

    def make(name: str = "", template: str = TEMPLATE) -> str:
        name = name or f"test_{next(numbers)}"
        with psycopg.connect(database_address(database="postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name}")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return database_address(database=name)

    migrate(make(TEMPLATE, "template0"))
    return make


@pytest.fixture(scope="module")
def module_database(new_database: Callable[[], str]) -> str:
    """One database for all tests of a module that use `database_url`."""
    return new_database()


@pytest.fixture
def database_url(module_database: str) -> str:
    """The address of an empty, migrated database; what other tests of the module left is gone, and so are they."""
    with psycopg.connect(module_database) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("SET session_replication_role TO 'replica'")  # no triggers: the ledger refuses to be emptied
        tables = connection.execute(
            "SELECT format('DELETE FROM %I', tablename) FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'job_schema')"
        ).fetchall()
        connection.execute("; ".join(statement for (statement,) in tables).encode())
    return module_database


def _url(known: Mapping[str, object], database: str, user: object) -> str:
    host, port = quote(str(known.get("host", "")), safe=""), known.get("port", 5432)
    return f"postgresql://{user}:{known.get('password', '')}@/{database}?host={host}&port={port}"
