from dataclasses import dataclass
from typing import Any

import pytest

from noisegate.adapters.media import wire


@dataclass(frozen=True, kw_only=True)
class Inner:
    level: float | None


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    count: int = 0
    inner: Inner | None = None
    ranges: tuple[tuple[float, float], ...] = ()


def test_what_is_sent_is_what_is_read() -> None:
    """Nested dataclasses and tuples survive; names may hold anything."""
    value = Outer(name="a\nb\udcff", count=3, inner=Inner(level=-23.0), ranges=((0.0, 1.5),))
    data = wire.line(value)
    assert data.count(b"\n") == 1
    assert wire.read(Outer, wire.parse(data)) == value


def test_a_whole_number_may_stand_for_a_float() -> None:
    """JSON does not tell them apart."""
    assert wire.read(Inner, {"level": 3}) == Inner(level=3.0)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"name": 3},
        {"name": "x", "count": "3"},
        {"name": "x", "count": True},
        {"name": "x", "other": 1},
        {"name": "x", "inner": {"level": "loud"}},
        {"name": "x", "ranges": [[1.0]]},
        {"name": "x", "ranges": "all"},
        [],
        None,
    ],
)
def test_anything_else_is_refused(value: Any) -> None:
    """The other side has read strangers' bytes."""
    with pytest.raises(ValueError):  # noqa: PT011 - any wording
        wire.read(Outer, value)


def test_only_objects_are_lines_and_only_finite_numbers_are_sent() -> None:
    """NaN is not JSON."""
    with pytest.raises(ValueError, match="object"):
        wire.parse(b"[1]\n")
    with pytest.raises(ValueError, match="NaN"):
        wire.parse(b'{"level": NaN}\n')
    with pytest.raises(ValueError, match="JSON"):
        wire.line({"level": float("nan")})
