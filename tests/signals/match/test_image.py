from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from noisegate.core.errors import InvalidInputError
from noisegate.core.ids import Digest
from noisegate.core.signal import BankEntry
from noisegate.signals.image.perceptual import bank_hashes
from noisegate.signals.match.image import ImageMatch
from noisegate.testing import image, installed_context

SIGNAL = ImageMatch(digest=Digest("sha256:" + "0" * 64))


def _picture(seed: int = 3) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(Picture.fromarray(coarse).resize((256, 192), Picture.Resampling.BICUBIC))


def _entry(name: str, pixels: np.ndarray, label: str = "deceptive.spam") -> BankEntry:
    return BankEntry(id=name, hashes=bank_hashes(pixels), label=label)


def _score(pixels: np.ndarray, *bank: BankEntry, output: str = "spam") -> float:
    (scores,) = SIGNAL.run(SIGNAL.index(bank), [image(np.ascontiguousarray(pixels))])
    return scores.values[output]


def test_a_copy_scores_one_and_names_the_entry() -> None:
    """The evidence says which entry, how far, and where in the picture."""
    (scores,) = SIGNAL.run(SIGNAL.index([_entry("poster-7", _picture())]), [image(_picture())])
    (place,) = scores.evidence["spam"]
    assert scores.values["spam"] == place.score == 1.0
    assert place.excerpt == "bank default, entry poster-7, distance 0 of 256"
    assert place.where.box is not None
    assert place.where.box.width == 1.0


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p[:, ::-1],
        lambda p: p[::-1],
        np.rot90,
        lambda p: p.swapaxes(0, 1),
        lambda p: p[::2, ::2],
        lambda p: (p * 0.8).astype(np.uint8),
        lambda p: np.pad(p, ((30, 30), (30, 30), (0, 0)), constant_values=255),
        lambda p: np.pad(p[:, ::-1], ((30, 30), (0, 0), (0, 0))),
    ],
    ids=[
        "mirrored",
        "flipped",
        "turned",
        "transposed",
        "half the size",
        "darker",
        "framed",
        "mirrored and letterboxed",
    ],
)
def test_an_altered_copy_is_found(change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Turning, mirroring, resizing, darkening and framing do not hide a picture."""
    assert _score(change(_picture()), _entry("poster", _picture())) >= 0.5


def test_a_picture_that_is_known_in_a_frame_is_found_without_it() -> None:
    """The bank keeps the inside of framed pictures."""
    framed = np.pad(_picture(), ((30, 30), (30, 30), (0, 0)))
    assert _score(_picture(), _entry("poster", framed)) >= 0.5


def test_the_evidence_of_a_framed_copy_is_the_inside() -> None:
    """The box leaves the frame out."""
    framed = np.pad(_picture(), ((30, 30), (30, 30), (0, 0)))
    (scores,) = SIGNAL.run(SIGNAL.index([_entry("poster", _picture())]), [image(framed)])
    box = scores.evidence["spam"][0].where.box
    assert box is not None
    assert 0.09 < box.x < box.x + box.width < 0.91


def test_another_picture_scores_nothing() -> None:
    """Unrelated pictures differ in about half of the bits."""
    assert _score(_picture(seed=4), _entry("poster", _picture())) == 0.0


def test_the_score_falls_evenly_with_the_distance() -> None:
    """31 of 256 bits, the recommended limit, scores one half."""
    digits = bank_hashes(_picture())["pdq"]
    near = f"{int(digits, 16) ^ (1 << 31) - 1:064x}"
    assert _score(_picture(), BankEntry(id="near", hashes={"pdq": near}, label="deceptive.spam")) == 0.5


def test_a_picture_without_features_matches_nothing() -> None:
    """Two flat pictures have like hashes and nothing else in common."""
    flat = np.full((64, 64, 3), 40, dtype=np.uint8)
    zero = BankEntry(id="flat", hashes={"pdq": "0" * 64}, label="deceptive.spam")
    assert _score(flat, zero) == 0.0


def test_an_entry_counts_for_what_it_is_known_for() -> None:
    """The label of the entry chooses the output."""
    bank = (_entry("logo", _picture(), label="illegal.trademark"), _entry("other", _picture(seed=5)))
    assert _score(_picture(), *bank, output="trademark") == 1.0
    assert _score(_picture(), *bank, output="spam") == 0.0


def test_a_label_that_cannot_be_reported_is_refused() -> None:
    """Otherwise a known picture would pass in silence."""
    with pytest.raises(InvalidInputError, match=r"bank entry `x` has the label `dangerous\.threat`"):
        SIGNAL.index([_entry("x", _picture(), label="dangerous.threat")])


def test_a_hash_that_is_no_pdq_is_refused() -> None:
    """A shortened line of a list must not become an entry that never matches."""
    broken = BankEntry(id="x", hashes={"pdq": "f8f8"}, label="deceptive.spam")
    with pytest.raises(InvalidInputError, match="bank entry `x` has the PDQ hash `f8f8`"):
        SIGNAL.index([broken])


def test_entries_of_other_kinds_are_left_out() -> None:
    """A bank may hold fingerprints of sound as well."""
    assert SIGNAL.index([BankEntry(id="song", hashes={"chromaprint": "00"}, label="illegal.copyright")]).entries == ()


def test_the_bank_is_asked_for_under_the_snapshot() -> None:
    """Name and digest of the configuration choose what is compared, and the fingerprint tells."""
    asked: list[tuple[str, Digest]] = []

    class Context:
        threads = 1

        def bank(self, name: str, digest: Digest) -> Sequence[BankEntry]:
            asked.append((name, digest))
            return ()

    replace(SIGNAL, bank="posters").load(Context())  # type: ignore[arg-type]
    assert asked == [("posters", SIGNAL.digest)]
    assert SIGNAL.fingerprint != ImageMatch().fingerprint


def test_without_a_snapshot_no_bank_is_asked_for() -> None:
    """An installation without banks compares nothing."""
    assert ImageMatch().load(installed_context(banks={"default": [_entry("x", _picture())]})).entries == ()
