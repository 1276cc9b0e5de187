"""What tests of every floor share: one real PostgreSQL for the session, and a fresh database for every test."""

from collections.abc import Callable, Iterator
from itertools import count

import psycopg
import pytest

from noisegate.adapters.store.migrate import migrate
from noisegate.adapters.store.server import PostgresServer

TEMPLATE = "noisegate"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A running server that does not wait for the disk, with one migrated database to copy from."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres"), settings={"fsync": "off"})
    with server as url:
        migrate(url)
        yield server


@pytest.fixture(scope="session")
def new_database(postgres: PostgresServer) -> Callable[[], str]:
    """Makes an empty, migrated database and returns its address; for fixtures that live longer than a test."""
    numbers = count(1)

    def make() -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres.url(database="postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        return postgres.url(database=name)

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
