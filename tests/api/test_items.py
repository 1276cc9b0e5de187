import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from small_world import ByEnding, SmallSystem
from starlette.testclient import TestClient

from noisegate.core.ids import ItemId, digest_of
from noisegate.core.item import Asset
from noisegate.core.modality import Role

SONG = {"kind": "track", "title": "A quiet evening"}


def post(client: TestClient, item: object, *files: tuple[str, str, bytes], **headers: str) -> Any:
    """A multipart submission; files are (field, name, content)."""
    said = ("item", (None, json.dumps(item)))
    return client.post(
        "/v1/items",
        files=[said, *((field, (name, content)) for field, name, content in files)],
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def raw_form(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    """A multipart body, byte for byte."""
    said = [f"--b\r\nContent-Disposition: {how}\r\n\r\n".encode("latin-1") + body + b"\r\n" for how, body in parts]
    return b"".join(said) + end


RAW = {"content-type": "multipart/form-data; boundary=b"}


def test_an_upload_is_accepted_judged_and_shown(admin: TestClient, judge_all: Callable[[], None]) -> None:
    """From the form to the finding with its place."""
    item = {**SONG, "declared": {"explicit": False}, "assets": [{"file": "song.txt", "role": "lyrics"}]}
    accepted = post(admin, item, ("file", "song.txt", b"la la, an alarm"), ("cover", "front.png", b"picture"))
    assert accepted.status_code == 202
    assert accepted.json()["state"] == "held"
    assert accepted.headers["location"] == accepted.json()["url"]

    before = admin.get(accepted.json()["url"]).json()
    assert (before["state"], before["action"], before["settled"]) == ("held", None, False)
    judge_all()
    after = admin.get(accepted.json()["url"]).json()
    assert (after["state"], after["action"], after["settled"]) == ("blocked", "block", True)
    assert [(a["file"], a["role"], a["modality"]) for a in after["assets"]] == [
        ("song.txt", "lyrics", "text"),
        ("front.png", "cover", "image"),
    ]
    (finding,) = after["findings"]
    assert (finding["part"], finding["where"]["span"], finding["excerpt"]) == ("song.txt", [10, 15], "alarm")
    assert {d["pack"]: d["rule"] for d in after["decisions"]} == {"danger": "clear", "manners": "otherwise"}
    parts = admin.get(f"{accepted.json()['url']}/parts").json()["parts"]
    assert [(p["id"], p["role"]) for p in parts] == [("title", "title"), ("song.txt", "lyrics"), ("front.png", "cover")]


def test_words_alone_need_no_form(admin: TestClient, judge_all: Callable[[], None]) -> None:
    """A comment is JSON."""
    accepted = admin.post("/v1/items", json={"kind": "comment", "comment": "a rude word"})
    judge_all()
    item = admin.get(accepted.json()["url"]).json()
    assert (item["state"], item["labels"]) == ("labelled", ["advisory.profanity"])


def test_files_can_be_sent_before_the_item(admin: TestClient) -> None:
    """Raw, streamed, named by their digest."""
    sent = admin.put("/v1/blobs", content=b"la la").json()
    assert sent == {"digest": digest_of(b"la la"), "size": 5}
    item = {**SONG, "assets": [{"file": "song.txt", "digest": sent["digest"]}]}
    accepted = admin.post("/v1/items", json=item)
    assert admin.get(accepted.json()["url"]).json()["assets"][0]["size"] == 5


def test_the_same_again_is_the_same_item(admin: TestClient) -> None:
    """By content, or by key; 200 says that nothing is new."""
    first, second = post(admin, SONG), post(admin, SONG)
    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json() == {**first.json(), "created": False}
    keyed = [post(admin, SONG, Idempotency_Key="upload-1") for _ in range(2)]
    assert [answer.status_code for answer in keyed] == [202, 200]
    assert keyed[0].json()["id"] != first.json()["id"]
    other = post(admin, {**SONG, "title": "Another"}, Idempotency_Key="upload-1")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")


def test_an_empty_idempotency_key_is_none(admin: TestClient) -> None:
    """Otherwise everybody who sends the header without a value would get one item."""
    assert admin.post("/v1/items", json=SONG, headers={"idempotency-key": ""}).status_code == 422


def test_a_name_that_cannot_exist_is_refused(admin: TestClient) -> None:
    """The database could not even look for it."""
    assert admin.get("/v1/items/a%00b").status_code == 422
    assert admin.get("/v1/decisions", params={"item": "\0"}).status_code == 422


def test_uploads_that_take_long_hold_up_nobody_else(admin: TestClient, system: SmallSystem) -> None:
    """However many: looking at files and copying them has hands of its own."""
    released, begun = threading.Event(), threading.Semaphore(0)

    class Slow(ByEnding):
        def asset(self, path: str, *, name: str, role: Role | None) -> Asset:
            begun.release()
            released.wait(20)
            return super().asset(path, name=name, role=role)

    object.__setattr__(system.submitter, "prober", Slow())
    with ThreadPoolExecutor(60) as callers:
        uploads = [callers.submit(post, admin, SONG, ("file", f"{n}.txt", b"la")) for n in range(50)]
        while begun.acquire(timeout=0.3):
            pass  # until no more are taken up
        reading = callers.submit(admin.get, "/v1/items")
        try:
            assert reading.result(timeout=5).status_code == 200
        finally:
            released.set()
        assert {upload.result().status_code for upload in uploads} == {202}


def test_two_keys_do_not_see_each_others_uploads_as_their_own(visitor: TestClient, key_for: Callable[..., str]) -> None:
    """Items of two submitters are two items."""
    names = set()
    for _ in range(2):
        visitor.headers["authorization"] = f"Bearer {key_for('submit')}"
        names.add(visitor.post("/v1/items", json=SONG).json()["id"])
    assert len(names) == 2


def test_a_list_is_read_page_by_page(admin: TestClient, judge_all: Callable[[], None]) -> None:
    """Newest first, without gaps or repetitions, also by state."""
    for n in range(5):
        post(admin, {"title": f"track {n}"})
    judge_all()
    post(admin, {"title": "held"})
    seen, before = [], None
    while True:
        page = admin.get("/v1/items", params={"limit": 2, **({"before": before} if before else {})}).json()
        seen += [line["title"] for line in page["items"]]
        before = page["next"]
        if before is None:
            break
    assert seen == ["held", "track 4", "track 3", "track 2", "track 1", "track 0"]
    held = admin.get("/v1/items", params={"state": "held"}).json()["items"]
    assert [line["title"] for line in held] == ["held"]


def test_an_unknown_item_is_not_found(admin: TestClient) -> None:
    """Neither it nor its parts."""
    assert admin.get("/v1/items/itm_none").status_code == 404
    assert admin.get("/v1/items/itm_none/parts").status_code == 404


def test_an_erased_item_shows_that_it_was_there(
    admin: TestClient, system: SmallSystem, judge_all: Callable[[], None]
) -> None:
    """Its steps and decisions; not what it said."""
    url = post(admin, {"title": "an alarm", "creator": "somebody"}).json()["url"]
    judge_all()
    with system.store.transaction() as tx:
        tx.erase(ItemId(url.rpartition("/")[2]), why="asked for")
    item = admin.get(url).json()
    assert item["erased_at"] is not None
    assert (item["texts"], item["creator"], item["findings"], item["state"]) == ({}, None, [], "blocked")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../../etc/passwd", "passwd"),
        ("..\\\\..\\\\boot.ini", "boot.ini"),
        ("/absolute/path.txt", "path.txt"),
        ("....//....//x.txt", "x.txt"),
        ("%2e%2e%2fx.txt", "%2e%2e%2fx.txt"),
        ("con", "con"),
        (".", "file"),
        ("", "file"),
    ],
)
def test_no_file_name_becomes_a_path(admin: TestClient, system: SmallSystem, sent: str, shown: str) -> None:
    """It is shown without its tricks, and nothing is written anywhere but under a digest."""
    data_dir = system.settings.data_dir
    before = set(data_dir.parent.rglob("*"))
    body = raw_form(('form-data; name="item"', b'{"title": "t"}'), (f'form-data; name="file"; filename="{sent}"', b"x"))
    url = admin.post("/v1/items", content=body, headers=RAW).json()["url"]
    assert [asset["file"] for asset in admin.get(url).json()["assets"]] == [shown]
    new = [path for path in set(data_dir.parent.rglob("*")) - before if path.is_file()]
    assert [path.name for path in new] == [hashlib.sha256(b"x").hexdigest()[2:]]


def test_hidden_characters_in_names_and_texts_are_made_visible(admin: TestClient) -> None:
    """NUL and lone surrogates, which no database takes."""
    body = b'{"title": "a\\u0000b", "creator": "c\\u0000d", "kind": "comment"}'
    part = ('form-data; name="file"; filename="a\0b.txt"', b"x")
    answer = admin.post("/v1/items", content=raw_form(('form-data; name="item"', body), part), headers=RAW)
    item = admin.get(answer.json()["url"]).json()
    assert (item["texts"]["title"], item["creator"]) == ("a\ufffdb", "c\ufffdd")
    assert item["assets"][0]["file"] == "a\ufffdb.txt"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (raw_form(('form-data; name="item"', b"{}"), end=b""), 422, "ends in the middle"),
        (raw_form(('form-data; name="item"', b"{}"))[:-20], 422, "ends in the middle"),
        (b"", 422, "ends in the middle"),
        (b"no form at all", 422, "not multipart"),
        (raw_form(("form-data", b"{}")), 422, "has no name"),
        (raw_form(('form-data; name="item"', b"{}"), ('form-data; name="item"', b"{}")), 422, "two fields"),
        (raw_form(('form-data; name="note"', b"x")), 422, "'note' has no meaning"),
        (raw_form(('form-data; name="item"', b"{"), ('form-data; name="file"; filename="x"', b"")), 422, "not JSON"),
        (raw_form(('form-data; name="item"', b'{"title": "\xff"}')), 422, "not JSON"),
        (raw_form(('form-data; name="item"', b'{"ttle": "x"}')), 422, "unknown key `ttle`"),
        (raw_form(('form-data; name="item"', b'{"assets": [{"file": "a"}]}')), 422, "no file called 'a'"),
        (raw_form(('form-data; name="banner"; filename="a"', b"x")), 422, "'banner' is no role"),
        (raw_form(('form-data; name="item"', b"{}")), 422, "nothing to look at"),
        (raw_form(*[('form-data; name="file"; filename="a"', b"")] * 70), 413, "at most 64 files"),
        (raw_form(('form-data; name="file"; filename="a"', b"x" * 2_000_001)), 413, "at most 2,000,000 bytes"),
        (raw_form(("x" * 20_000, b"")), 422, "not multipart"),
    ],
    ids=lambda value: str(value)[-30:],
)
def test_a_form_that_is_not_one_is_refused_and_leaves_nothing(
    admin: TestClient, system: SmallSystem, database_url: str, body: bytes, status: int, message: str
) -> None:
    """No item, no job, no file."""
    answer = admin.post("/v1/items", content=body, headers=RAW)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]
    assert list((system.settings.data_dir / "incoming").iterdir()) == []
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (0,)


def test_a_form_without_a_boundary_is_refused(admin: TestClient) -> None:
    """The header promises what the body cannot keep."""
    answer = admin.post("/v1/items", content=b"x", headers={"content-type": "multipart/form-data"})
    assert "names no boundary" in answer.json()["error"]["message"]


def test_ten_megabytes_of_words_are_an_item_like_any_other(admin: TestClient, system: SmallSystem) -> None:
    """They become a file; the packs see it as the description it is."""
    words = "word " * 2_000_000
    url = admin.post("/v1/items", json={"title": "t", "description": words}).json()["url"]
    item = admin.get(url).json()
    assert [(a["file"], a["role"], a["size"]) for a in item["assets"]] == [
        ("description.txt", "description", 10_000_000)
    ]
    assert system.blobs.size(item["assets"][0]["digest"]) == 10_000_000


def test_many_fields_together_are_no_larger_than_one_may_be(admin: TestClient) -> None:
    """They wait in memory until the form is complete."""
    parts = [(f'form-data; name="f{n}"', b"x" * 3_000_000) for n in range(6)]
    answer = admin.post("/v1/items", content=raw_form(*parts), headers=RAW)
    assert answer.status_code == 413


def test_more_words_than_that_are_too_many(admin: TestClient) -> None:
    """Bounded, by announced and by real length."""
    body = b'{"title": "' + b"x" * (17 << 20) + b'"}'
    json_header = {"content-type": "application/json"}
    assert admin.post("/v1/items", content=body, headers=json_header).status_code == 413

    def unannounced() -> Any:
        yield from (body[start : start + 65536] for start in range(0, len(body), 65536))

    assert admin.post("/v1/items", content=unannounced(), headers=json_header).status_code == 413


def test_a_broken_file_is_accepted_and_follows_if_missing(admin: TestClient, judge_all: Callable[[], None]) -> None:
    """It is decided upon, not lost; the failure is named."""
    url = post(admin, {"kind": "comment", "comment": "hello"}, ("lyrics", "song.bad", b"x")).json()["url"]
    judge_all()
    item = admin.get(url).json()
    assert [(f["signal"], f["kind"]) for f in item["failures"]] == [("asset", "truncated")]
    assert item["state"] == "in_review"
