import pickle
import re

import pytest

from noisegate.core import errors
from noisegate.core.errors import MediaError, NoisegateError, UnknownNameError


def classes(base: type[NoisegateError] = NoisegateError) -> list[type[NoisegateError]]:
    here = [child for child in base.__subclasses__() if child.__module__ == errors.__name__]
    return [base, *(found for child in here for found in classes(child))]


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_the_drawing_at_the_top_tells_the_truth(cls: type[NoisegateError]) -> None:
    """Exit code and HTTP status stand beside every class in the tree that readers see first."""
    drawn = re.search(rf"{cls.__name__}\s+exit (\d), HTTP (\d+)", errors.__doc__ or "")
    assert drawn, f"{cls.__name__} is not drawn"
    assert (int(drawn[1]), int(drawn[2])) == (cls.exit_code, cls.status)


def test_a_miss_offers_the_nearest_name() -> None:
    """The typo is answered with what was meant."""
    error = UnknownNameError.among("signal", "text.moderatoin", ["text.moderation", "image.ocr"])
    assert str(error) == "no signal is called `text.moderatoin`; did you mean `text.moderation`?"


def test_a_media_error_survives_the_way_from_the_decoding_process() -> None:
    """Kind and message arrive whole."""
    error = pickle.loads(pickle.dumps(MediaError("cut short", kind="truncated", hint="send it again")))
    assert (error.message, error.kind, error.hint, error.code) == ("cut short", "truncated", "send it again", "media")
