import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from noisegate.adapters.store.migrate import migrate
from noisegate.adapters.store.pool import Pool
from noisegate.adapters.store.server import PostgresServer
from noisegate.adapters.store.store import Store
from noisegate.core.errors import InvalidInputError, UnavailableError


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    """A pool of one connection that does not wait long."""
    opened = Pool(database_url, size=1, patience_s=0.2)
    yield opened
    opened.close()


def test_work_is_done_under_the_role_that_owns_nothing(pool: Pool) -> None:
    """Whoever logs in; times come back in UTC."""
    with pool.connection() as connection:
        row = connection.execute("SELECT current_user AS name, now() AS now").fetchone()
    assert row is not None
    assert row["name"] == "noisegate_app"
    assert row["now"].tzname() == "UTC"


def test_what_no_text_can_hold_is_the_askers_fault(pool: Pool) -> None:
    """A NUL in a name that is looked for."""
    with pytest.raises(InvalidInputError, match="NUL"), pool.connection() as connection:
        connection.execute("SELECT %s", ["a\x00b"])


def test_waiting_for_a_connection_ends(pool: Pool) -> None:
    """The caller may try again."""
    with pool.connection(), pytest.raises(UnavailableError, match="became free in time"), pool.connection():
        pass


def test_a_connection_that_was_cut_is_an_error_once_and_replaced(pool: Pool, database_url: str) -> None:
    """The next caller gets a fresh one."""

    def cut() -> None:
        with pool.connection() as connection:
            with psycopg.connect(database_url) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
            connection.execute("SELECT 1")

    with pytest.raises(UnavailableError, match="the database does not answer"):
        cut()
    with pool.connection() as connection:
        connection.execute("SELECT 1")


@pytest.mark.processes
def test_a_store_goes_on_after_the_server_was_killed_and_healed(tmp_path: Path) -> None:
    """What was committed is there; nobody has to open the store again."""
    with PostgresServer(tmp_path / "data", settings={"fsync": "off"}) as url:
        migrate(url)
        with Store(url) as store:
            key, secret = store.keys.create("before", [])
            server = PostgresServer(tmp_path / "data")
            os.kill(int((tmp_path / "data" / "pgdata" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            assert server.heal()
            found = store.keys.find(secret)
            assert found is not None
            assert found.id == key.id
            server.release()
