import json
from dataclasses import replace

import pytest

from noisegate.core.content import ArrayImage
from noisegate.core.evidence import Evidence
from noisegate.core.modality import Anchor, Audio, Box, Image, Origin, Role, Text, Where
from noisegate.core.signal import Facts, Failure, Parts, Result, Scores
from noisegate.engine.codec import result_from_json, result_to_json, storable

PARENT = Audio(role=Role.RECORDING, duration_s=60.0, content="the recording")  # type: ignore[arg-type]  # only handed on
WHERE = Where(start_s=1.0, end_s=2.5, box=Box(x=0.1, y=0.2, width=0.3, height=0.4), span=(3, 9))
HEARD = Text(
    role=Role.TRANSCRIPT,
    text="a\U0001f600b",
    language="en",
    anchors=(Anchor(span=(0, 1), where=WHERE, confidence=0.5),),
)
SPEECH = Audio(
    role=Role.SPEECH, duration_s=5.0, content=PARENT.content, origin=Origin(where=Where(start_s=3.0, end_s=8.0))
)


@pytest.mark.parametrize(
    "result",
    [
        Scores(values={"a": 0.25}, evidence={"a": (Evidence(score=0.25, where=WHERE, excerpt="w\u00f6rds"),)}),
        Scores(values={"a": 0.1}),
        Facts(values={"code": "de", "confidence": 0.5, "certain": True}),
        Failure(kind="truncated", message="cut"),
        Parts(parts=()),
        Parts(parts=(HEARD, SPEECH)),
    ],
)
def test_a_result_survives_being_stored(result: Result) -> None:
    """What is read back equals what was written, through real JSON text."""
    assert storable(result)
    assert result_from_json(json.loads(json.dumps(result_to_json(result))), PARENT) == result


def test_a_restored_stretch_of_sound_reads_from_the_recording_it_was_cut_from() -> None:
    """Cut audio holds no samples of its own."""
    restored = result_from_json(result_to_json(Parts(parts=(SPEECH,))), PARENT)
    assert isinstance(restored, Parts)
    assert restored.parts[0].content is PARENT.content  # type: ignore[attr-defined]


def test_sound_that_was_not_cut_from_its_parent_is_not_stored() -> None:
    """A voice separated from its music would come back with the music."""
    separated = replace(SPEECH, content="a voice alone")  # type: ignore[arg-type]  # not read
    assert storable(Parts(parts=(SPEECH,)), PARENT)
    assert not storable(Parts(parts=(separated,)), PARENT)


def test_failures_that_may_go_away_and_pictures_on_disk_are_not_stored() -> None:
    """A time-out must not stick, and a frame's file is gone tomorrow."""
    frame = Image(role=Role.FRAME, width=1, height=1, content=ArrayImage(None))  # type: ignore[arg-type]  # not read
    assert not storable(Failure(kind="timed_out", message="late", retryable=True))
    assert not storable(Parts(parts=(frame,)))
