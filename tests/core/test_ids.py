import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisegate.core.ids import canonical_json, digest_of, digest_of_value, fingerprint_of, short

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON.flatmap(lambda v: st.tuples(st.just(v), st.just(v))))
def test_one_value_has_one_spelling(pair: tuple[Any, Any]) -> None:
    """Equal values give equal bytes, and so equal digests."""
    assert canonical_json(pair[0]) == canonical_json(pair[1])


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    """Two machines that build a mapping in different orders write the same bytes."""
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_what_json_cannot_say_is_refused() -> None:
    """NaN in a record would compare unequal to itself for ever."""
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"score": math.nan})


def test_lone_surrogates_from_hostile_text_can_still_be_named() -> None:
    """Text that is not valid Unicode is judged, not dropped."""
    assert digest_of_value("\ud800") != digest_of_value("\ud801")


@pytest.mark.parametrize("field", ["name", "version", "config", "weights"])
def test_any_change_of_a_computation_changes_its_fingerprint(field: str) -> None:
    """A cached score is never taken for another computation's."""
    base: dict[str, Any] = {"name": "a", "version": "1.0.0", "config": {"x": 1}, "weights": None}
    changed = {**base, field: {"x": 2} if field == "config" else "b"}
    assert fingerprint_of(**base) != fingerprint_of(**changed)


def test_a_digest_says_what_it_is() -> None:
    """The algorithm is part of the name; the short form is for people."""
    assert digest_of(b"").startswith("sha256:e3b0c442")
    assert short(digest_of(b""), 8) == "e3b0c442"
