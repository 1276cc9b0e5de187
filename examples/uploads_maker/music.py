"""Small synthesised music: chords, bass, melody and drums, written bar by bar so that it can go on for hours.

A `Style` says how a piece sounds, a seed which piece it is. Notes are sums of sine waves; the room is a decaying noise.
Nothing is sampled from anybody's recording.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count

import numpy as np

from uploads_maker.sound import RATE, Pcm, fade, level

MUSIC_DB = -18.0
"""How loud a piece is made when it stands alone, in dB of full scale."""

_TAIL_S = 3.0  # longest that a note and its echo outlast their bar
_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_MINOR = (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a piece sounds."""

    bpm: float
    """Beats a minute; a bar has four."""
    key: int
    """MIDI number of the home note, around 48."""
    minor: bool = False
    chords: tuple[int, ...] = (0, 5, 3, 4)
    """Scale steps of the chords, one a bar, then again."""
    pad: float = 0.5
    """Gain of the held chords; 0 leaves them out. The same for the four below."""
    pluck: float = 0.5
    bass: float = 0.7
    lead: float = 0.6
    drums: float = 0.6
    hard: bool = False
    """Drums of a beat (kick, snare and quick hats) and not of a ballad."""
    room: float = 0.25
    """How much of the room is heard, 0..1."""
    intro: int = 2
    """Bars before melody and drums come in."""


BALLAD = Style(bpm=92, key=50, chords=(0, 4, 5, 3), lead=0.7)
BEAT = Style(
    bpm=88, key=45, minor=True, chords=(0, 5, 3, 4), pad=0.25, pluck=0.35, lead=0, drums=0.9, hard=True, room=0.12
)
BED = Style(bpm=72, key=48, chords=(0, 3, 5, 4), pad=0.6, pluck=0.4, bass=0.5, lead=0, drums=0, room=0.35, intro=0)
MARCH = Style(bpm=112, key=52, chords=(0, 3, 4, 0), pad=0.3, pluck=0.6, lead=0.5, drums=0.5, intro=0)
DRIFT = Style(bpm=80, key=45, minor=True, chords=(0, 3, 5, 6), pad=0.7, pluck=0.45, lead=0.55, drums=0.3, room=0.4)


def piece(style: Style, seconds: float, *, seed: int) -> Pcm:
    """Give `seconds` of music that begins at the first bar and fades out at the end."""
    wanted = round(seconds * RATE)
    bars, held = [], 0
    for bar in bars_of(style, seed=seed):
        bars.append(bar)
        held += bar.size
        if held >= wanted:
            break
    return level(fade(np.concatenate(bars)[:wanted], in_s=0.01, out_s=min(2.5, seconds / 4)), MUSIC_DB)


def jingle(seed: int = 7) -> Pcm:
    """Give the four seconds that open a podcast: a rising figure and a chord left to ring."""
    mix = np.zeros(round(4.2 * RATE), dtype=np.float32)
    for step, midi in enumerate((60, 64, 67, 72, 76, 79)):
        _lay(mix, _note("pluck", midi, 1.4), 0.16 * step, 0.5)
    for midi in (48, 60, 64, 67, 72):
        _lay(mix, _note("pad", midi, 2.2), 1.0, 0.35)
        _lay(mix, _note("pluck", midi + 12, 2.0), 1.0, 0.3)
    wet = mix + 0.3 * np.convolve(mix, _room_noise(seed)[: RATE // 2])[: mix.size].astype(np.float32)
    return level(fade(wet, out_s=1.4), MUSIC_DB)


def bars_of(style: Style, *, seed: int) -> Iterator[Pcm]:
    """Give the bars of a piece without end, one array a bar, about 0.2 of full scale loud.

    What rings on after a bar is kept and mixed into the next, so that joining the bars leaves no seam.
    """
    rng = np.random.default_rng(seed)
    bar_size = round(4 * 60 / style.bpm * RATE)
    phrases = [_phrase(rng) for _ in range(3)]
    ringing = np.zeros(bar_size + round(_TAIL_S * RATE), dtype=np.float32)
    for number in count():
        mix = np.zeros_like(ringing)
        dry = _bar(style, number, phrases[(0, 0, 1, 2)[number // 2 % 4]], rng, mix)
        mix += _wet(mix, style.room)
        mix += dry
        mix[: ringing.size - bar_size] += ringing[bar_size:]
        ringing = mix
        yield 0.2 * mix[:bar_size]


@dataclass(frozen=True, kw_only=True)
class _Phrase:
    """Two bars of melody and picking, repeated with the chords underneath."""

    steps: list[list[tuple[float, int, float]]] = field(default_factory=list)
    """Per bar: (beat, step from the chord's root, beats long)."""
    picking: tuple[int, ...] = ()
    """Which chord tone is picked on each eighth."""


def _phrase(rng: np.random.Generator) -> _Phrase:
    rhythms = (((0, 1.5), (1.5, 0.5), (2, 1), (3, 1)), ((0, 1), (1, 1), (2, 2)), ((0.5, 1), (1.5, 1), (2.5, 1.5)))
    steps: list[list[tuple[float, int, float]]] = []
    at = int(rng.integers(0, 5))
    for _ in range(2):
        bar: list[tuple[float, int, float]] = []
        for beat, beats in rhythms[int(rng.integers(0, len(rhythms)))]:
            bar.append((beat, at, beats))
            at = int(np.clip(at + rng.integers(-2, 3), -1, 8))
        steps.append(bar)
    return _Phrase(steps=steps, picking=tuple(int(i) for i in rng.permutation(8) % 5))


def _bar(style: Style, number: int, phrase: _Phrase, rng: np.random.Generator, mix: Pcm) -> Pcm:
    """Lay one bar's notes on `mix`; give what must stay out of the room (bass and drums)."""
    dry = np.zeros_like(mix)
    beat = 60 / style.bpm
    root = style.chords[number % len(style.chords)]
    chord = [root, root + 2, root + 4, root + 7, root + 9]
    _chord(style, chord, phrase, mix)
    if style.bass:
        for at in (0, 1.5, 2.5) if style.hard else (0, 2):
            _lay(dry, _note("bass", _midi(style, root) - 12, 1.3 * beat), at * beat, 0.7 * style.bass)
    if number < style.intro:
        return dry
    if style.lead and number % 8 < 7:  # a bar to breathe
        for at, step, beats in phrase.steps[number % 2]:
            note = _note("lead", _midi(style, root + step) + 24, beats * beat)
            _lay(mix, note, at * beat, 0.4 * style.lead)
    if style.drums:
        _drums(style, rng, dry)
    return dry


def _chord(style: Style, chord: list[int], phrase: _Phrase, mix: Pcm) -> None:
    beat = 60 / style.bpm
    if style.pad:
        for tone in chord[:3]:
            _lay(mix, _note("pad", _midi(style, tone) + 12, 4.1 * beat), 0, 0.28 * style.pad)
    if style.pluck:
        for eighth, tone in enumerate(phrase.picking):
            _lay(mix, _note("pluck", _midi(style, chord[tone]) + 12, 1.2), eighth * beat / 2, 0.4 * style.pluck)


def _drums(style: Style, rng: np.random.Generator, dry: Pcm) -> None:
    beat = 60 / style.bpm
    kicks, snares = ((0, 0.75, 2.5), (1, 3)) if style.hard else ((0, 2), (1, 3))
    for at in kicks:
        _lay(dry, _drum("kick"), at * beat, 1.1 * style.drums)
    for at in snares:
        _lay(dry, _drum("snare"), at * beat, 0.6 * style.drums)
    for eighth in range(8):
        accent = 0.35 if eighth % 2 else 0.2
        _lay(dry, _drum("hat"), eighth * beat / 2, style.drums * accent * float(rng.uniform(0.7, 1.1)))
    if style.hard:
        _lay(dry, _drum("hat"), 3.75 * beat, 0.25 * style.drums)


def _midi(style: Style, step: int) -> int:
    scale = _MINOR if style.minor else _MAJOR
    return style.key + scale[step % 7] + 12 * (step // 7)


def _lay(mix: Pcm, sound: Pcm, at_s: float, gain: float) -> None:
    start = round(at_s * RATE)
    end = min(start + sound.size, mix.size)
    mix[start:end] += np.float32(gain) * sound[: end - start]


@lru_cache(maxsize=256)
def _note(timbre: str, midi: int, seconds: float) -> Pcm:
    """One note at about full scale; kept, because music says the same things again and again."""
    pitch = 440.0 * 2 ** ((midi - 69) / 12)
    release = {"pad": 0.6, "pluck": 0.1, "bass": 0.08, "lead": 0.2}[timbre]
    t = np.arange(round((seconds + release) * RATE)) / RATE
    tone = np.zeros_like(t)
    partials = [k for k in range(1, 9) if k * pitch < 0.45 * RATE]
    for k in partials:
        if timbre == "pad":
            tone += sum(np.sin(2 * np.pi * k * pitch * d * t + k) for d in (0.9975, 1.0, 1.0028)) / (3 * k**1.6)
        elif timbre == "pluck":
            tone += np.sin(2 * np.pi * k * pitch * t) * np.exp(-t * (2.2 + 1.3 * k)) / k
        elif timbre == "bass":
            tone += np.sin(2 * np.pi * k * pitch * t) * np.exp(-t * (1.0 + 0.9 * k)) / k**1.3
        elif k % 2:  # a reed: odd partials and a slow tremble
            wave = 2 * np.pi * k * pitch * t + 0.18 * k * np.sin(2 * np.pi * 5.2 * t) * np.minimum(1, t / 0.4)
            tone += np.sin(wave) / k**1.8
    attack = {"pad": 0.25, "pluck": 0.004, "bass": 0.008, "lead": 0.05}[timbre]
    return fade((tone * 0.8).astype(np.float32), in_s=attack, out_s=release)


@lru_cache(maxsize=8)
def _drum(kind: str) -> Pcm:
    rng = np.random.default_rng(11)
    if kind == "kick":
        t = np.arange(round(0.32 * RATE)) / RATE
        drop = 2 * np.pi * (48 * t + 70 * 0.045 * (1 - np.exp(-t / 0.045)))
        return (np.sin(drop) * np.exp(-t / 0.11)).astype(np.float32)
    t = np.arange(round((0.2 if kind == "snare" else 0.07) * RATE)) / RATE
    hiss = np.diff(rng.standard_normal(t.size + 1)) * 0.45  # a difference of noise keeps only its high end
    if kind == "snare":
        return ((hiss + 0.5 * np.sin(2 * np.pi * 185 * t)) * np.exp(-t / 0.06)).astype(np.float32)
    return (hiss * np.exp(-t / 0.018)).astype(np.float32)


@lru_cache(maxsize=2)
def _room_noise(seed: int = 5) -> Pcm:
    t = np.arange(round(1.1 * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(t.size) * np.exp(-t / 0.28)
    smooth = np.convolve(noise, np.ones(4) / 4)[: t.size]  # walls swallow the high end
    echo: Pcm = (smooth / np.sqrt(np.sum(smooth**2))).astype(np.float32)
    return echo


def _wet(mix: Pcm, room: float) -> Pcm:
    echo = _room_noise()
    size = 1 << (mix.size + echo.size - 1).bit_length()
    rung = np.fft.irfft(np.fft.rfft(mix, size) * np.fft.rfft(echo, size), size)[: mix.size]
    return (room * rung).astype(np.float32)
