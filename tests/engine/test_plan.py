from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from noisegate.core.errors import InvalidInputError
from noisegate.core.modality import Audio, Image, Modality, Role, Text, Video
from noisegate.core.signal import Cost, Example, Parts, Scores, Signal, SignalSpec
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.plan import plan

CHEAP = Cost(cpu_s=0.0, tier=0)


class _Quiet:
    def run(self, model: Any, batch: Sequence[Any]) -> Sequence[Any]:
        raise NotImplementedError

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return []


@dataclass(frozen=True, kw_only=True)
class Frames(_Quiet, Signal[Video, Parts]):
    spec = SignalSpec(name="video.frames", version="1.0.0", summary="", makes={Role.FRAME: Modality.IMAGE}, cost=CHEAP)


@dataclass(frozen=True, kw_only=True)
class Read(_Quiet, Signal[Image, Parts]):
    spec = SignalSpec(name="image.read", version="1.0.0", summary="", makes={Role.OCR: Modality.TEXT}, cost=CHEAP)


@dataclass(frozen=True, kw_only=True)
class Hear(_Quiet, Signal[Audio, Parts]):
    spec = SignalSpec(
        name="audio.hear", version="1.0.0", summary="", makes={Role.TRANSCRIPT: Modality.TEXT}, cost=CHEAP
    )


@dataclass(frozen=True, kw_only=True)
class Judge(_Quiet, Signal[Text, Scores]):
    spec = SignalSpec(name="text.judge", version="1.0.0", summary="", labels={"bad": "dangerous.threat"}, cost=CHEAP)


@dataclass(frozen=True, kw_only=True)
class Echo(_Quiet, Signal[Text, Parts]):
    spec = SignalSpec(name="text.echo", version="1.0.0", summary="", makes={Role.OCR: Modality.TEXT}, cost=CHEAP)


@pytest.fixture
def graph() -> Any:
    return plan(Catalogue([Frames(), Read(), Hear(), Judge()]))


def test_words_on_a_frame_are_reached_through_two_extractors(graph: Any) -> None:
    """A text detector never needs to know that video exists."""
    assert graph.closure(["text.judge"]) == {"text.judge", "image.read", "video.frames", "audio.hear"}


def test_the_roles_behind_an_extractor_are_those_its_signal_would_look_at(graph: Any) -> None:
    """Frames lead a text signal to words read in them, and to nothing else."""
    assert graph.roles_behind(Frames(), Judge()) == {Role.OCR}
    assert graph.roles_behind(Hear(), Judge()) == {Role.TRANSCRIPT}


def test_a_broken_film_costs_a_text_signal_its_words(graph: Any) -> None:
    """What a part that cannot be opened would have led to is known from its modality and role."""
    assert graph.roles_from((Modality.VIDEO, Role.FILM), Judge()) == {Role.OCR}


def test_an_extractor_fed_its_own_output_is_refused_with_the_remedy() -> None:
    """A graph with a ring would never come to an end."""
    with pytest.raises(InvalidInputError, match="run on its own output") as caught:
        plan(Catalogue([Echo()]))
    assert "SignalSpec.roles" in str(caught.value)


def test_two_signals_of_one_name_are_refused() -> None:
    """Nobody would know which of the two wins."""
    with pytest.raises(InvalidInputError, match=r"two signals are called `text\.judge`"):
        Catalogue([Judge(), Judge()])
