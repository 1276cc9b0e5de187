"""Connections to PostgreSQL: pooled, checked before use, under the role that may not change the record.

Whatever goes wrong below (the server is gone, no connection is free) becomes an UnavailableError here and nowhere
else. This module knows no table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from noisegate.adapters.store.address import for_psycopg
from noisegate.adapters.store.migrate import APP_ROLE
from noisegate.core.errors import InvalidInputError, UnavailableError

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[dict[str, Any]]


class Pool:
    """A few connections, shared by the threads of one process."""

    def __init__(self, url: str, *, size: int = 10, patience_s: float = 15.0) -> None:
        """Open a pool; connections are made when they are needed.

        Args:
            url: the address of the database.
            size: most connections at one time.
            patience_s: how long to wait for a free one, or for a server that is being restarted.
        """
        from psycopg.rows import dict_row
        from psycopg_pool import ConnectionPool

        self._url = for_psycopg(url)
        self._pool: ConnectionPool[Connection]
        self._pool = ConnectionPool(
            self._url,
            kwargs={"row_factory": dict_row},
            min_size=0,
            max_size=size,
            timeout=patience_s,
            reconnect_timeout=patience_s,
            configure=_become_the_application,
            check=ConnectionPool.check_connection,  # a connection that a restart cut is replaced, not handed out
            open=True,
        )

    @contextmanager
    def connection(self) -> Iterator["Connection"]:
        """A connection in a transaction: committed when the block ends, rolled back when it raises.

        Raises:
            UnavailableError: the server does not answer, or went away meanwhile; nothing was committed, unless the
                answer to the commit itself was lost.
            InvalidInputError: a value that no column can hold, for example a text with a NUL.
        """
        import psycopg
        from psycopg_pool import PoolTimeout

        try:
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise UnavailableError("no connection to the database became free in time") from error
        except psycopg.OperationalError as error:
            raise UnavailableError(f"the database does not answer: {str(error).strip()}") from error
        except psycopg.DataError as error:
            if error.sqlstate is not None:  # the server's word is about our statement, not about the value
                raise
            raise InvalidInputError(f"the database cannot hold what was sent: {error}") from error

    @contextmanager
    def own_connection(self) -> Iterator["Connection"]:
        """A connection outside the pool, in autocommit: for listening. Raises as `connection`."""
        import psycopg
        from psycopg.rows import dict_row

        try:
            with psycopg.connect(self._url, autocommit=True, row_factory=dict_row) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise UnavailableError(f"the database does not answer: {str(error).strip()}") from error

    def close(self) -> None:
        """Give all connections back."""
        self._pool.close()


def _become_the_application(connection: "Connection") -> None:
    """Drop to the role that owns nothing; whoever logs in as that role already stays it."""
    who = connection.execute(
        "SELECT current_user AS name, pg_has_role(oid, 'MEMBER') AS may FROM pg_roles WHERE rolname = %s", [APP_ROLE]
    ).fetchone()
    if who is None or not who["may"]:
        raise UnavailableError(
            f"the database has no role `{APP_ROLE}` that this user may take",
            hint="noisegate migrate",
        )
    if who["name"] != APP_ROLE:
        connection.execute(f"SET ROLE {APP_ROLE}")
    connection.execute("SET timezone TO 'UTC'")
    connection.commit()
