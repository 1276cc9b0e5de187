import json
from collections.abc import Callable

import psycopg
from small_world import SmallSystem
from starlette.testclient import TestClient


def test_decisions_are_listed_newest_first_and_filtered(admin: TestClient, judge_all: Callable[[], None]) -> None:
    """By item, pack and action, page by page."""
    urls = [admin.post("/v1/items", json={"title": f"an alarm {n}"}).json()["id"] for n in range(3)]
    judge_all()
    assert len(admin.get("/v1/decisions").json()["decisions"]) == 6
    blocked = admin.get("/v1/decisions", params={"action": "block", "limit": 2}).json()
    rest = admin.get("/v1/decisions", params={"action": "block", "before": blocked["next"]}).json()
    assert {d["item"] for d in [*blocked["decisions"], *rest["decisions"]]} == set(urls)
    assert rest["next"] is None
    (manners,) = admin.get("/v1/decisions", params={"item": urls[0], "pack": "manners"}).json()["decisions"]
    assert (manners["rule"], manners["action"]) == ("otherwise", "allow")


def test_a_decision_holds_everything_it_rests_on(admin: TestClient, judge_all: Callable[[], None]) -> None:
    """Its inputs, and the proof that it follows from them."""
    admin.post("/v1/items", json={"title": "an alarm"})
    judge_all()
    (listed,) = admin.get("/v1/decisions", params={"action": "block"}).json()["decisions"]
    full = admin.get(f"/v1/decisions/{listed['id']}").json()
    assert full["inputs"]["known"]["words.threat"]["observations"][0]["score"] == 0.97
    proof = admin.get(f"/v1/decisions/{listed['id']}/verify").json()
    assert proof["holds"] is True
    assert "byte for byte" in proof["message"]


def test_a_decision_that_does_not_follow_is_found_out(
    admin: TestClient, judge_all: Callable[[], None], database_url: str
) -> None:
    """Somebody with the database's own powers changed it."""
    admin.post("/v1/items", json={"title": "an alarm"})
    judge_all()
    (listed,) = admin.get("/v1/decisions", params={"action": "block"}).json()["decisions"]
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE decisions DISABLE TRIGGER frozen")
        (kept,) = connection.execute("SELECT decision FROM decisions WHERE decision_id = %s", [listed["id"]]).fetchone()  # type: ignore[misc]
        changed = json.dumps({**kept, "action": "allow", "rule": "otherwise"})
        connection.execute("UPDATE decisions SET decision = %s WHERE decision_id = %s", [changed, listed["id"]])
        connection.execute("ALTER TABLE decisions ENABLE TRIGGER frozen")
    proof = admin.get(f"/v1/decisions/{listed['id']}/verify").json()
    assert (proof["holds"], proof["message"]) == (False, "deriving it again gives `clear` with `block`")


def test_an_unknown_decision_is_not_found(admin: TestClient) -> None:
    """Neither it nor its proof."""
    assert admin.get("/v1/decisions/dec_none").status_code == 404
    assert admin.get("/v1/decisions/dec_none/verify").status_code == 404


def test_packs_and_signals_say_what_this_installation_judges_by(admin: TestClient, system: SmallSystem) -> None:
    """Each on its own as well; a miss offers the nearest."""
    packs = admin.get("/v1/packs").json()["packs"]
    assert [pack["name"] for pack in packs] == ["danger", "manners"]
    assert admin.get("/v1/packs/danger").json() == packs[0]
    assert "`danger`" in admin.get("/v1/packs/dangr").json()["error"]["message"]
    signals = admin.get("/v1/signals").json()["signals"]
    assert {signal["name"] for signal in signals} == {"toy.words", "toy.shape"}
    assert admin.get("/v1/signals/toy.words").json() == signals[0]
    assert "`toy.words`" in admin.get("/v1/signals/toy.word").json()["error"]["message"]
