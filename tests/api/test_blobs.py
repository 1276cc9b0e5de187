from collections.abc import Iterator

import pytest
from small_world import SmallSystem
from starlette.testclient import TestClient

from noisegate.core.ids import digest_of


def test_a_large_file_is_taken_as_it_comes(admin: TestClient, system: SmallSystem) -> None:
    """Streamed without an announced length, hashed on the way."""

    def stream() -> Iterator[bytes]:
        yield from [b"x" * 100_000] * 19

    answer = admin.put("/v1/blobs", content=stream())
    assert answer.status_code == 201
    assert answer.json() == {"digest": digest_of(b"x" * 1_900_000), "size": 1_900_000}
    assert system.blobs.size(answer.json()["digest"]) == 1_900_000
    assert list((system.settings.data_dir / "incoming").iterdir()) == []


def test_a_file_that_is_known_by_name_is_checked(admin: TestClient, system: SmallSystem) -> None:
    """Bytes that changed on the way are refused."""
    digest = digest_of(b"as it was")
    assert admin.put(f"/v1/blobs/{digest}", content=b"as it was").status_code == 201
    wrong = admin.put(f"/v1/blobs/{digest_of(b'other')}", content=b"as it was")
    assert wrong.status_code == 422
    assert digest in wrong.json()["error"]["message"]
    assert system.blobs.size(digest_of(b"other")) is None


def test_one_can_ask_whether_a_file_has_to_be_sent(admin: TestClient) -> None:
    """Without sending it."""
    digest = digest_of(b"once")
    assert admin.head(f"/v1/blobs/{digest}").status_code == 404
    admin.put("/v1/blobs", content=b"once")
    assert admin.head(f"/v1/blobs/{digest}").headers["x-blob-size"] == "4"


@pytest.mark.parametrize("content", [b"x" * 2_000_001, [b"x" * 2_000_001]], ids=["announced", "unannounced"])
def test_a_file_larger_than_allowed_is_refused(
    admin: TestClient, system: SmallSystem, content: bytes | list[bytes]
) -> None:
    """By its announced length at once, else when it gets there; nothing of it is kept."""
    answer = admin.put("/v1/blobs", content=content)
    assert answer.status_code == 413
    assert "2,000,000" in answer.json()["error"]["message"]
    assert list((system.settings.data_dir / "incoming").iterdir()) == []


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "sha256:abc", "sha256:" + "A" * 64])
def test_only_digests_are_names(admin: TestClient, name: str) -> None:
    """Nothing else reaches the file store."""
    assert admin.put(f"/v1/blobs/{name}", content=b"x").status_code in {404, 422}
