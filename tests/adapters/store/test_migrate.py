import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from noisegate.adapters.store import migrate as migrating
from noisegate.adapters.store.migrate import check, migrate
from noisegate.core.errors import UnavailableError


@pytest.fixture
def empty_database(new_database: Callable[..., str]) -> str:
    """A database without any table."""
    return new_database("bare", "template0")


def test_processes_that_migrate_together_make_one_schema(empty_database: str) -> None:
    """The first does it, the others find it done; afterwards the program is content."""
    revisions: list[str] = []
    workers = [threading.Thread(target=lambda: revisions.append(migrate(empty_database))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(revisions) == 3
    assert len(set(revisions)) == 1
    check(empty_database)


def test_a_database_without_a_schema_says_what_to_type(empty_database: str) -> None:
    """So does one that a newer program has migrated."""
    with pytest.raises(UnavailableError, match="revision `none`") as caught:
        check(empty_database)
    assert "noisegate migrate" in str(caught.value)
    migrate(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnavailableError, match="revision `9999`") as caught:
        check(empty_database)
    assert "install the version of noisegate" in str(caught.value)


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    """The hint shows the address that was tried."""
    url = f"postgresql://ada:hidden@/nowhere?host={tmp_path}"
    for attempt in (check, migrate):
        with pytest.raises(UnavailableError, match="DATABASE_URL") as caught:
            attempt(url)
        assert str(tmp_path) in str(caught.value)
        assert "hidden" not in str(caught.value)


def test_a_user_who_may_not_do_it_is_told_what_is_missing(
    database_address: Callable[..., str], empty_database: str
) -> None:
    """The message is PostgreSQL's, the hint ours."""
    with psycopg.connect(empty_database) as connection:
        connection.execute("DROP ROLE IF EXISTS visitor")
        connection.execute("CREATE ROLE visitor LOGIN")
    with pytest.raises(UnavailableError, match="permission denied") as caught:
        migrate(database_address(database="bare", user="visitor"))
    assert "must own the database" in str(caught.value)


def test_what_a_newer_job_queue_changed_is_applied_once(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its migration files are its own; those that are new run in their order, the old ones never again."""
    (tmp_path / "00.00.00_01_old.sql").write_text("SELECT 1/0")
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO job_schema (applied) VALUES ('00.00.00_01_old.sql')")
    (tmp_path / "99.00.00_02_b.sql").write_text("ALTER TABLE grown ADD percent text DEFAULT '%s'; SELECT ':x'")
    (tmp_path / "99.00.00_01_a.sql").write_text("CREATE TABLE grown (id int)")
    monkeypatch.setattr(migrating, "_job_migrations_folder", lambda: tmp_path)
    migrate(database_url)
    migrate(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO grown (id) VALUES (1)")
        assert connection.execute("SELECT percent FROM grown").fetchone() == ("%s",)
        connection.execute("DROP TABLE grown")


def test_the_schema_asks_for_nothing_newer_than_postgresql_15() -> None:
    """Debian's stable PostgreSQL must do: none of the words that later versions brought."""
    newer = (
        "uuidv7",
        "json_table",
        "merge_action",
        "any_value",
        "virtual",
        "without overlaps",
        "json_value",
        "json_query",
    )
    folder = Path(migrating.__file__).parent
    for file in [*folder.glob("schema/versions/*.sql"), *folder.glob("queries/*.sql")]:
        text = file.read_text().lower()
        assert [word for word in newer if word in text] == [], file.name


def test_every_frozen_table_refuses_every_change(new_database: Callable[[], str]) -> None:
    """Rows and the whole: whoever adds a frozen table adds both triggers."""
    with psycopg.connect(new_database()) as connection:
        guarded = connection.execute(
            "SELECT tgrelid::regclass::text, array_agg(tgname::text ORDER BY tgname) FROM pg_trigger "
            "WHERE tgfoid = 'refuse_change'::regproc GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert guarded == [
        (table, ["frozen", "never_emptied"]) for table in ("decisions", "gate_changes", "ledger", "packs")
    ]
