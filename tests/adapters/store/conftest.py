"""A store on an empty database, and something to put into it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from noisegate.adapters.store.store import Store
from noisegate.core.decision import Decision, Gap, Inputs, Known, Missing, Observation, Outcome
from noisegate.core.evidence import Finding
from noisegate.core.ids import Digest, Fingerprint, ItemId, PartId, digest_of
from noisegate.core.item import Asset, GateState, Item
from noisegate.core.modality import Box, Modality, Role, Where
from noisegate.core.notice import StatementOfReasons
from noisegate.core.policy import Action, Ground
from noisegate.core.ports import Assessment, PartFailure
from noisegate.core.review import Case
from noisegate.core.signal import Failure
from noisegate.testing import factories

HELD = {"*": GateState.HELD}
BLOCKED = {"*": GateState.BLOCKED}


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store."""
    with Store(database_url, size=4) as opened:
        yield opened


@pytest.fixture
def make_item() -> Callable[..., Item]:
    """Makes an item with two files, one of them broken; `name` keeps items apart."""

    def make(name: str = "one", **fields: object) -> Item:
        sound = Asset(
            digest=digest_of(name.encode()),
            name="Éloge \x00.mp3",
            size=4096,
            role=Role.RECORDING,
            modality=Modality.AUDIO,
            media_type="audio/mpeg",
            duration_s=61.5,
        )
        cover = Asset(digest=digest_of(b"shared cover"), name="cover.png", size=9, problem="truncated")
        made = factories.item(
            sound, cover, item_id=f"itm_{name}", description="bad \ud800 \x00 words", markets=frozenset({"DE", "FR"})
        )
        return replace(made, creator="creator-7", declared={"explicit": True, "language": "de"}, **fields)

    return make


@pytest.fixture
def make_assessment() -> Callable[..., Assessment]:
    """Makes a full assessment of an item: a finding, a decision, a failure, a case, a notice."""

    def make(item: Item, *, score: float = 0.91, action: Action = Action.BLOCK, settled: bool = True) -> Assessment:
        decision = Decision(
            item=item.id,
            pack="threats",
            version=3,
            digest=Digest("sha256:" + "a" * 64),
            rule="threat-heard",
            action=action,
            markets=("DE", "FR"),
            label="threat",
            reason="It threatens somebody.",
            missing=("image.ocr",),
            inputs=Inputs(
                item={"kind": "episode", "markets": ("DE", "FR"), "has.cover": True},
                known={
                    "text.threat": Known(
                        observations=(
                            Observation(role=Role.TRANSCRIPT, score=score, places=((score, 1.5), (0.3, 0.0))),
                        ),
                        missing=(Missing(role=Role.OCR, gap=Gap.FAILED, signal="image.ocr", message="truncated"),),
                        facts=((Role.TITLE, "de"), (Role.TITLE, 0.1), (Role.TITLE, True)),
                    )
                },
                fingerprints={"text": "0123456789abcdef"},
                dice=0.123456789012345678,
            ),
        )
        finding = Finding(
            label="threat",
            score=score,
            signal="text.moderation",
            version="1.0.0",
            fingerprint=Fingerprint("0123456789abcdef"),
            output="threat",
            part=PartId("Éloge \x00.mp3/transcript/0"),
            role=Role.TRANSCRIPT,
            modality=Modality.TEXT,
            where=Where(start_s=12.5, end_s=14.0, box=Box(x=0.1, y=0.2, width=0.3, height=0.4), span=(3, 9)),
            excerpt="bad \ud800 \x00 words",
        )
        return Assessment(
            item=item,
            decisions=(decision,),
            outcome=Outcome(action=action, markets={"DE": action, "FR": Action.ALLOW}, labels=("explicit",)),
            findings=(finding,),
            facts={PartId("title"): {"text.language.code": "de"}},
            failures=(
                PartFailure(
                    part=PartId("cover.png"),
                    role=None,
                    signal="asset",
                    failure=Failure(kind="truncated", message="it ends early"),
                ),
            ),
            parts=(factories.text("Garden hour", role=Role.TITLE), factories.text("bad \x00 words")),
            cases=(
                Case(
                    item=item.id,
                    queue="safety",
                    priority=100,
                    decisions=(decision.id,),
                    blocking=True,
                    why="a threat",
                ),
            ),
            notices=(
                StatementOfReasons(
                    item=item.id,
                    decision=decision.id,
                    action=action,
                    markets=("DE", "FR"),
                    facts="It says: bad words",
                    ground=Ground.TERMS,
                    clause="4.2",
                    explanation="Threats are not allowed.",
                    automated_detection=True,
                    automated_decision=True,
                    appeal_within_days=184,
                ),
            ),
            timings={"text.moderation": 0.25, "total": 1.5},
            settled=settled,
        )

    return make


@pytest.fixture
def submitted(store: Store, make_item: Callable[..., Item]) -> Item:
    """An item that is held in the store."""
    item = make_item()
    with store.transaction() as tx:
        tx.add_item(item, deadline_s=600)
    return item


@pytest.fixture
def no_such_item() -> ItemId:
    """An id that nothing has."""
    return ItemId("itm_nowhere")
