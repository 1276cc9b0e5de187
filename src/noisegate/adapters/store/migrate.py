"""Bring the schema of a database up to date, in one transaction, once however many processes try at the same time.

Revisions only go forward and are SQL in files. procrastinate, the job queue, ships its own SQL: its schema is applied
by one revision, and what later versions of it changed is applied here, file by file, when such a version is installed.

The owner of the database runs this. The application then works under the role `noisegate_app`, which owns nothing.
This module imports alembic and SQLAlchemy only when it is asked to work.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisegate.adapters.store.address import for_psycopg, for_sqlalchemy
from noisegate.core.errors import UnavailableError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

APP_ROLE = "noisegate_app"
"""What the application works as: may add to the ledger, not change it."""
_SCHEMA = resources.files("noisegate.adapters.store") / "schema"
_LOCK = 0x6E67_6D69
"""Key of the advisory lock, `ngmi`."""

_ROLE = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
        CREATE ROLE {APP_ROLE} NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;  -- another database of this server was faster
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role {APP_ROLE} does not exist, and % may not make it', current_user
            USING ERRCODE = 'insufficient_privilege';
END
$$;
GRANT USAGE ON SCHEMA public TO {APP_ROLE};
"""

_JOB_GRANTS = f"""
GRANT SELECT, INSERT, UPDATE, DELETE ON
    procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers TO {APP_ROLE};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE};
"""


def migrate(url: str) -> str:
    """Make or update the schema.

    Args:
        url: the database, for a user who may create tables there.

    Returns:
        The revision it is at now.

    Raises:
        UnavailableError: the database does not answer, or the user may not do this.
    """
    from alembic import command

    with _connected(url) as (connection, config):
        command.upgrade(config, "head")
        _update_jobs(connection)
        return _revision(connection)


def check(url: str) -> None:
    """Make sure that the database answers, and that its schema is the one this program was written for.

    Raises:
        UnavailableError: it does not answer, or is older or newer; the message says both revisions and what to type.
    """
    import psycopg

    wanted = max(file.name.partition("_")[0] for file in (_SCHEMA / "versions").iterdir() if file.name[0].isdigit())
    try:
        with psycopg.connect(for_psycopg(url)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    except psycopg.Error as error:
        raise UnavailableError(
            f"the database does not answer: {str(error).strip()}",
            hint=f"check NOISEGATE_DATABASE_URL ({_without_password(url)})",
        ) from error
    found = row[0] if row else ""
    if found != wanted:
        advice = "noisegate migrate" if found < wanted else "install the version of noisegate that made this database"
        raise UnavailableError(
            f"the database is at revision `{found or 'none'}`, this program needs `{wanted}`", hint=advice
        )


def apply_file(script: str) -> None:
    """Called by revisions: run the SQL file beside a revision's script."""
    from alembic import op

    _run(op.get_bind(), Path(script).with_suffix(".sql").read_text(encoding="utf-8"))


def apply_job_schema() -> None:
    """Called by a revision: make the job queue's tables."""
    from alembic import op
    from procrastinate.schema import SchemaManager

    connection = op.get_bind()
    _run(connection, SchemaManager.get_schema())
    _run(connection, _JOB_GRANTS)
    _run(connection, "CREATE TABLE job_schema (applied text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")
    for name in _job_migrations():
        _mark_applied(connection, name)


def _update_jobs(connection: "Connection") -> None:
    from sqlalchemy import text

    done = {row[0] for row in connection.execute(text("SELECT applied FROM job_schema"))}
    for name in sorted(_job_migrations() - done):
        _run(connection, (_job_migrations_folder() / name).read_text(encoding="utf-8"))
        _run(connection, _JOB_GRANTS)
        _mark_applied(connection, name)


def _job_migrations_folder() -> Path:
    from procrastinate.schema import SchemaManager

    return Path(SchemaManager.get_migrations_path())


def _job_migrations() -> set[str]:
    return {file.name for file in _job_migrations_folder().glob("*.sql")}


def _mark_applied(connection: "Connection", name: str) -> None:
    from sqlalchemy import text

    connection.execute(text("INSERT INTO job_schema (applied) VALUES (:name)"), {"name": name})


def _run(connection: "Connection", sql: str) -> None:
    """Run several statements as they are: no parameters, so that `%` and `:` mean nothing."""
    cursor: Any = connection.connection.cursor()
    cursor.execute(sql, prepare=False)
    cursor.close()


def _revision(connection: "Connection") -> str:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision() or ""


@contextmanager
def _connected(url: str) -> Iterator[tuple["Connection", "Config"]]:
    from alembic.config import Config
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    engine = create_engine(for_sqlalchemy(url), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(_SCHEMA))
    config.set_main_option("path_separator", "os")
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            _run(connection, _ROLE)
            config.attributes["connection"] = connection
            yield connection, config
    except DBAPIError as error:
        reason = str(error.orig).strip()
        raise UnavailableError(
            f"the schema of the database cannot be brought up to date: {reason}",
            hint=f"check NOISEGATE_DATABASE_URL ({_without_password(url)}); its user must own the database, and the role "
            f"`{APP_ROLE}` must exist or its user be allowed to make it (CREATE ROLE {APP_ROLE} NOLOGIN)",
        ) from error
    finally:
        engine.dispose()


def _without_password(url: str) -> str:
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    known = conninfo_to_dict(for_psycopg(url))
    known.pop("password", None)
    return make_conninfo("", **known)
