from dataclasses import replace

import psycopg
import pytest

from noisegate.adapters.store.store import Store
from noisegate.core.errors import ConflictError, UnknownNameError
from noisegate.core.ids import digest_of_value
from noisegate.core.policy import Action, Ground, Notice, Otherwise, PolicyPack, Scope


def pack(version: int = 1, text: str = "Be kind.") -> PolicyPack:
    """A pack of one file."""
    sources = {"pack.yaml": text}
    return PolicyPack(
        name="kindness",
        version=version,
        digest=digest_of_value([version, sources]),
        title="Kindness",
        owner="trust",
        text=text,
        scope=Scope(),
        signals={},
        rules=(),
        otherwise=Otherwise(),
        if_missing={},
        on_deadline=Action.REVIEW,
        notice=Notice(ground=Ground.TERMS, clause="1", text="Be kind."),
        sources=sources,
    )


def test_a_published_version_is_kept_word_for_word(store: Store) -> None:
    """Publishing it again is fine, and noted once."""
    store.packs.freeze([pack(), pack(2)])
    store.packs.freeze([pack()])
    kept = store.packs.get("kindness", 1)
    assert (kept.digest, kept.sources) == (pack().digest, {"pack.yaml": "Be kind."})
    assert [(one.name, one.version) for one in store.packs.all()] == [("kindness", 1), ("kindness", 2)]
    assert [entry.kind for entry in store.ledger.after()] == ["pack_frozen", "pack_frozen"]


def test_a_published_version_does_not_change(store: Store, database_url: str) -> None:
    """The message says to raise the version; nothing of the batch was recorded; the database refuses too."""
    store.packs.freeze([pack()])
    with pytest.raises(ConflictError, match=r"version 1 of the pack `kindness`") as caught:
        store.packs.freeze([pack(7), pack(text="Be cruel.")])
    assert "version: 2" in str(caught.value)
    assert len(store.packs.all()) == 1
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("UPDATE packs SET title = 'Other'")


def test_the_same_files_under_another_name_are_a_conflict(store: Store) -> None:
    """A digest names one version of one pack."""
    store.packs.freeze([pack()])
    with pytest.raises(ConflictError, match="another pack"):
        store.packs.freeze([replace(pack(), name="copy")])


def test_a_version_nobody_published_is_unknown(store: Store) -> None:
    """The message names pack and version."""
    with pytest.raises(UnknownNameError, match=r"version 9 of the pack `kindness`"):
        store.packs.get("kindness", 9)
