"""Known pictures: is this one of those that a bank holds, also resaved, resized, turned, mirrored or framed?

A bank is a list of hashes with the taxonomy label each is known for; the pictures themselves are never needed. The
bank is named by the digest of a snapshot, so that a match can be shown to come from exactly these entries. This
module does not know who fills a bank, and cannot see what a matched picture shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisegate.core.content import ArrayImage
from noisegate.core.errors import InvalidInputError
from noisegate.core.evidence import EVIDENCE_FLOOR, Evidence
from noisegate.core.ids import Digest
from noisegate.core.modality import Box, Image, Role, Where
from noisegate.core.signal import BankEntry, Cost, Example, LoadContext, Scores, Signal, SignalSpec
from noisegate.signals.image.perceptual import PDQ_BITS, PDQ_QUALITY_FLOOR, pdq_variants, without_border

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MATCH_DISTANCE = 31
"""PDQ bits that may differ in a match, as PDQ's authors recommend; such a match scores 0.5."""

_HASHES = ("pdq", "pdq_inner")
_KEPT = 10


@dataclass(frozen=True)
class Index:
    """A bank's hashes, one row each, ready to be compared with."""

    entries: tuple[BankEntry, ...]
    """The entry of each row; an entry with two hashes has two rows."""
    words: "NDArray[np.uint64]"
    """Shape (rows, 4)."""


@dataclass(frozen=True, kw_only=True)
class ImageMatch(Signal[Image, Scores]):
    """The nearest entries of a bank by PDQ distance, for what those entries are known for.

    The score falls evenly with the distance d: 1 - d/62. A copy scores 1, a match at the recommended limit of 31 of
    256 bits 0.5, and from 62 on nothing is left; unrelated pictures lie near 128.
    """

    spec = SignalSpec(
        name="match.image",
        version="1.0.0",
        summary="Known pictures, found again in a bank of perceptual hashes.",
        labels={
            "copyright": "illegal.copyright",
            "extremism": "dangerous.extremism.praise",
            "gore": "sensitive.gore",
            "hate_symbol": "dangerous.hate.symbol",
            "impersonation": "deceptive.impersonation",
            "intimate_image": "dangerous.intimate_image",
            "local_law": "illegal.local_law",
            "minors_material": "dangerous.minors.material",
            "minors_synthetic": "dangerous.minors.synthetic",
            "scam": "deceptive.scam",
            "sexual": "sensitive.sexual",
            "sexual_deepfake": "dangerous.sexual_deepfake",
            "spam": "deceptive.spam",
            "trademark": "illegal.trademark",
        },
        batch_size=8,
        cost=Cost(cpu_s=0.06, tier=0),
        extra="image",
        licence="Apache-2.0",
        limits="Finds only what the bank holds. Crops of more than a few per cent, rotations by odd angles, collages and "
        "pictures with few features (PDQ quality below 50) are not found.",
    )
    no_positive_example = "a score needs a bank, and a bank belongs to the installation"

    bank: str = "default"
    """Name of the bank."""
    digest: Digest = Digest("")
    """Snapshot of the bank; empty for no bank: nothing is compared and every score is 0."""

    def load(self, ctx: LoadContext) -> Index:
        """The bank as it was under `digest`.

        Raises:
            InvalidInputError: an entry has a label this signal does not report, or a hash that is not PDQ.
        """
        entries = ctx.bank(self.bank, self.digest) if self.digest else ()
        return self.index(entries)

    @classmethod
    def index(cls, entries: Sequence[BankEntry]) -> Index:
        """Hashes ready to be compared with. Raises InvalidInputError, see `load`."""
        import numpy as np

        for entry in entries:
            if entry.label not in cls.spec.labels.values():
                raise InvalidInputError(
                    f"bank entry `{entry.id}` has the label `{entry.label}`, which `{cls.spec.name}` does not report",
                    hint=f"labels it reports: {', '.join(sorted(cls.spec.labels.values()))}",
                )
        rows = [(entry, entry.hashes[kind]) for entry in entries for kind in _HASHES if kind in entry.hashes]
        words = np.frombuffer(b"".join(_bytes(entry, digits) for entry, digits in rows), dtype=np.uint64)
        return Index(entries=tuple(entry for entry, _ in rows), words=words.reshape(-1, PDQ_BITS // 64))

    def run(self, model: Index, batch: Sequence[Image]) -> Sequence[Scores]:
        """A score for every class of entry; evidence names the entry, the distance and the part of the picture."""
        return [self._one(model, part) for part in batch]

    def _one(self, index: Index, part: Image) -> Scores:
        values = dict.fromkeys(self.spec.labels, 0.0)
        evidence: dict[str, list[Evidence]] = {}
        outputs = {code: output for output, code in self.spec.labels.items()}
        pixels = part.pixels()  # also without a bank: what cannot be read must not score 0
        for entry, distance, box in _nearest(index, pixels) if index.entries else ():
            output, score = outputs[entry.label], _score(distance)
            values[output] = max(values[output], score)
            excerpt = f"bank {self.bank}, entry {entry.id}, distance {distance} of {PDQ_BITS}"[:240]
            evidence.setdefault(output, []).append(Evidence(score=score, where=Where(box=box), excerpt=excerpt))
        return Scores(values=values, evidence={output: tuple(found[:_KEPT]) for output, found in evidence.items()})

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """Without a bank nothing is known."""
        return [
            Example(
                part=_stripes, at_most=dict.fromkeys(cls.spec.labels, 0.0), why="no bank, so nothing to compare with"
            )
        ]


def _nearest(index: Index, pixels: "NDArray[np.uint8]") -> list[tuple[BankEntry, int, Box]]:
    """Entries near enough to be evidence, nearest first, each with its distance and the area that matched."""
    import numpy as np

    inner, inner_box = without_border(pixels)
    views = [(pixels, Box(x=0.0, y=0.0, width=1.0, height=1.0))]
    if inner is not pixels:
        views.append((inner, inner_box))
    found: dict[str, tuple[BankEntry, int, Box]] = {}
    for view, box in views:
        variants, quality = pdq_variants(np.ascontiguousarray(view))
        if quality < PDQ_QUALITY_FLOOR:
            continue
        distances = np.full(len(index.entries), PDQ_BITS, dtype=np.int64)
        for digits in variants:
            differing = index.words ^ np.frombuffer(bytes.fromhex(digits), dtype=np.uint64)
            np.minimum(distances, np.bitwise_count(differing).sum(axis=1, dtype=np.int64), out=distances)
        for row in np.flatnonzero(1 - distances / (2 * MATCH_DISTANCE) >= EVIDENCE_FLOOR):
            entry, distance = index.entries[row], int(distances[row])
            if entry.id not in found or distance < found[entry.id][1]:
                found[entry.id] = (entry, distance, box)
    return sorted(found.values(), key=lambda match: (match[1], match[0].id))


def _score(distance: int) -> float:
    return max(0.0, 1.0 - distance / (2 * MATCH_DISTANCE))


def _bytes(entry: BankEntry, digits: str) -> bytes:
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    if len(raw) != PDQ_BITS // 8:
        raise InvalidInputError(
            f"bank entry `{entry.id}` has the PDQ hash `{digits[:80]}`, which is not {PDQ_BITS // 4} hexadecimal digits"
        )
    return raw


def _stripes() -> Image:
    import numpy as np

    y, x = np.mgrid[0:128, 0:128]
    pixels = np.stack([x * 2, y * 2, (x * y) // 64], axis=2).astype(np.uint8)
    return Image(role=Role.COVER, width=128, height=128, content=ArrayImage(pixels))
