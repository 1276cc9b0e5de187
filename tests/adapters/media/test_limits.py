from dataclasses import fields
from pathlib import Path

import pytest

from noisegate.adapters.media import limits as module
from noisegate.adapters.media.limits import Limits


def test_every_limit_says_its_unit_and_its_reason() -> None:
    """A number without a reason cannot be changed with confidence."""
    source = Path(module.__file__).read_text()
    for field in fields(Limits):
        after = source.split(f"    {field.name}: ", 1)[1].split("\n", 1)[1]
        assert after.lstrip().startswith('"""'), field.name


def test_time_grows_with_length_and_stops_at_the_longest_file() -> None:
    """A header that claims a year does not buy a year."""
    limits = Limits()
    minute, hour = (limits.cpu_for("pcm", duration_s=s, size_bytes=0) for s in (60.0, 3600.0))
    assert minute < hour
    assert limits.cpu_for("pcm", duration_s=1e9, size_bytes=0) == limits.cpu_for(
        "pcm", duration_s=12 * 3600.0, size_bytes=0
    )
    assert limits.cpu_for("shots", duration_s=60.0, size_bytes=0) > minute


def test_a_file_that_does_not_say_its_length_is_judged_by_its_size() -> None:
    """At a low bit rate."""
    assert Limits().cpu_for("pcm", duration_s=None, size_bytes=60_000) == Limits().cpu_for(
        "pcm", duration_s=60.0, size_bytes=1
    )


@pytest.mark.parametrize("operation", ["probe", "image"])
def test_headers_and_pictures_have_a_fixed_time(operation: str) -> None:
    """Their length does not matter."""
    assert Limits().cpu_for(operation, duration_s=1e9, size_bytes=1 << 40) < 60


def test_wall_time_is_never_short() -> None:
    """A disk may stall."""
    assert Limits().wall_for(0.0) == Limits().least_wall_s
    assert Limits().wall_for(1000.0) == 4000.0
