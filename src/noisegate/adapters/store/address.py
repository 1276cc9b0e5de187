"""One database address in the spellings that the drivers want.

`NOISEGATE_DATABASE_URL` may be written `postgresql://`, `postgres://` or `postgresql+psycopg://`. This module opens nothing.
"""

from noisegate.core.errors import InvalidInputError

_SPELLINGS = ("postgresql+psycopg://", "postgresql://", "postgres://")


def for_psycopg(url: str) -> str:
    """The address for psycopg and procrastinate: `postgresql://`.

    Raises:
        InvalidInputError: it is not the address of a PostgreSQL database.
    """
    for spelling in _SPELLINGS:
        if url.startswith(spelling):
            return "postgresql://" + url.removeprefix(spelling)
    scheme = url.partition("://")[0] if "://" in url else "(none)"
    raise InvalidInputError(
        f"the database address has the scheme `{scheme}`, and only PostgreSQL is supported",
        hint="NOISEGATE_DATABASE_URL=postgresql://user:password@host/database",
    )


def for_sqlalchemy(url: str) -> str:
    """The address for SQLAlchemy and alembic: `postgresql+psycopg://`. Raises as `for_psycopg`."""
    return for_psycopg(url).replace("postgresql://", "postgresql+psycopg://", 1)
