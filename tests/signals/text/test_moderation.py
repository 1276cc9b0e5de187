from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from noisegate.core.evidence import EVIDENCE_FLOOR
from noisegate.core.modality import Anchor, Role, Text, Where
from noisegate.core.signal import LoadContext
from noisegate.signals.text import lexical
from noisegate.signals.text.heads import TextHeads
from noisegate.signals.text.moderation import Moderation
from noisegate.signals.text.windows import windows

LABELS = tuple(Moderation.spec.labels)
CALM = "The garden is full of tomatoes this year and everybody is happy about the rain."
ALARM = "ALARM, this sentence is the one that the heads in this test react to, and no other."


def _alarmed() -> tuple[TextHeads, Callable[[list[str]], NDArray[np.float32]]]:
    """Heads that score every label high when the text says ALARM, with an encoder that looks for the word."""
    weights = np.zeros((512, 1), dtype=np.float32)
    weights[0, 0] = 1.0
    count = len(LABELS)
    heads = TextHeads(
        labels=LABELS,
        hidden=(weights, np.zeros(1, dtype=np.float32)),
        semantic=(np.full((1, count), 10.0, dtype=np.float32), np.full(count, -5.0, dtype=np.float32)),
        idf=np.ones(lexical.BUCKETS, dtype=np.float32),
        lexical=(np.zeros((lexical.BUCKETS, count), dtype=np.float32), np.zeros(count, dtype=np.float32)),
        blend=np.tile(np.float32([1.0, 0.0, 0.0]), (count, 1)),
        members=np.eye(count, dtype=np.bool_),
    )

    def encode(texts: list[str]) -> NDArray[np.float32]:
        found = np.zeros((len(texts), 512), dtype=np.float32)
        found[:, 0] = ["ALARM" in text for text in texts]
        return found

    return heads, encode


def test_a_part_scores_as_its_worst_window_and_says_where() -> None:
    """One bad sentence in a long text is found, and nothing around it is blamed."""
    text = f"{CALM} " * 40 + ALARM + f" {CALM}" * 40
    (answer,) = Moderation().run(_alarmed(), [Text(role=Role.TRANSCRIPT, text=text)])
    assert min(answer.values.values()) > 0.9
    (place,) = answer.evidence["threat"]
    assert place.where.span is not None
    start, end = place.where.span
    assert text[start:end] == ALARM
    assert place.excerpt == ALARM


def test_a_heard_threat_is_placed_in_time() -> None:
    """Spans of a transcript lead to seconds."""
    text = f"{CALM} {ALARM}"
    anchors = (
        Anchor(span=(0, len(CALM)), where=Where(start_s=0.0, end_s=5.0)),
        Anchor(span=(len(CALM) + 1, len(text)), where=Where(start_s=5.0, end_s=9.5)),
    )
    (answer,) = Moderation().run(_alarmed(), [Text(role=Role.TRANSCRIPT, text=text, anchors=anchors)])
    (place,) = answer.evidence["threat"]
    assert (place.where.start_s, place.where.end_s) == (5.0, 9.5)


def test_quiet_windows_leave_no_evidence() -> None:
    """Below the floor only the highest score is kept."""
    (answer,) = Moderation().run(_alarmed(), [Text(role=Role.LYRICS, text=CALM)])
    assert answer.evidence == {}
    assert 0 < max(answer.values.values()) < EVIDENCE_FLOOR


@pytest.mark.parametrize("text", ["", " \n\t ", "\u3000"])
def test_a_text_without_words_scores_zero(text: str) -> None:
    """There is nothing to read."""
    (answer,) = Moderation().run(_alarmed(), [Text(role=Role.TITLE, text=text)])
    assert answer.values == dict.fromkeys(LABELS, 0.0)


def test_a_refrain_is_scored_once_and_reported_every_time() -> None:
    """Repetition costs nothing but is not hidden."""
    heads, encode = _alarmed()
    asked: list[str] = []

    def counting(texts: list[str]) -> NDArray[np.float32]:
        asked.extend(texts)
        return encode(texts)

    text = "\n".join([ALARM] * 50)
    (answer,) = Moderation().run((heads, counting), [Text(role=Role.LYRICS, text=text)])
    assert asked == [ALARM]
    assert len(answer.evidence["hate"]) == len(windows(text)) == 50


@pytest.fixture(scope="module")
def model(load_context: LoadContext) -> Any:
    """The released heads and the encoder."""
    return Moderation().load(load_context)


def _scores(model: Any, text: str) -> dict[str, float]:
    (answer,) = Moderation().run(model, [Text(role=Role.TRANSCRIPT, text=text)])
    return dict(answer.values)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I know where you live and I am going to come to your house and hurt you.", "threat"),
        ("I KNOW WHERE YOU LIVE AND I AM GOING TO COME TO YOUR HOUSE AND HURT YOU", "threat"),
        ("i know where you live and i am going to come to your house and hurt you", "threat"),
        (f"{CALM} I know where you live and I am going to come to your house and hurt you. {CALM}", "threat"),
        ("You are a pathetic worthless idiot and everyone hates you, nobody wants you here.", "harassment"),
        ("YOU ARE A PATHETIC\nWORTHLESS IDIOT\nAND EVERYONE\nHATES YOU", "harassment"),
        ("Je sais où tu habites et je vais venir te faire du mal.", "threat"),
        ("Eres un idiota patético y nadie te quiere aquí.", "harassment"),
    ],
)
def test_plain_violations_score_high(text: str, label: str, model: Any) -> None:
    """However they are written or recognised, and whatever surrounds them."""
    assert _scores(model, text)[label] > 0.8


@pytest.mark.parametrize(
    "text",
    [
        "Two friends talk about bread, bicycles and the sea. New episodes every Monday.",
        "Hold me close tonight, my love, until the morning comes.",
        "A murder mystery in six parts: who killed the baker?",
        "In dieser Folge sprechen wir über alte Brücken und neue Musik.",
        "Una canción sobre el verano, el mar y un amor perdido.",
        "Un disque calme pour les longues soirées d'hiver.",
        "Uma conversa sobre receitas de família e música de cinema.",
        "Una storia di due sorelle e di una vecchia barca.",
        "Midnight Bakery (Live in Lisbon)",
    ],
)
def test_ordinary_uploads_score_low(text: str, model: Any) -> None:
    """What most uploads say does not come near a threshold."""
    assert max(_scores(model, text).values()) < 0.3


def test_the_same_text_scores_the_same_in_any_batch(model: Any) -> None:
    """Micro-batches mix items; a decision must not depend on the neighbours."""
    texts = [CALM, ALARM, "You fool.", "Guten Morgen.", "音楽を聴きましょう。"] * 9
    parts = [Text(role=Role.COMMENT, text=text) for text in texts]
    together = [answer.values for answer in Moderation().run(model, parts)]
    alone = [Moderation().run(model, [part])[0].values for part in parts[:5]]
    for one, other in zip(alone, together, strict=False):
        assert one == pytest.approx(other, abs=2e-4)
