"""Recordings of any length for benchmarks: talk and music in turns, written as they are made.

Memory does not grow with length; an hour takes well under a minute. The same arguments give the same recording.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from uploads_maker import music
from uploads_maker.bank import Bank
from uploads_maker.sound import RATE, AudioFile, MakerError, Pcm, fade, silence, soften

TURN_S = 120.0
"""About how long one turn of talk followed by music lasts, in seconds."""

_STYLES = (music.BALLAD, music.BEAT, music.BED, music.MARCH, music.DRIFT)


def write_long(
    path: Path,
    seconds: float,
    *,
    music_share: float,
    seed: int = 1,
    facts: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Write a recording of exactly `seconds`.

    Args:
        path: .wav, .mp3, .flac, .ogg or .m4a; mono, `sound.RATE` samples a second.
        seconds: length, above 0.
        music_share: 0..1 of it that is music; the rest is talk.
        seed: another seed gives another recording.
        facts: a JSON file to write with what is heard when, down to the sentence; None for no file.
        tell: told how far it is.

    Raises:
        MakerError: seconds or music_share are out of range, the suffix is unknown, or the spoken clips are missing.
    """
    if not seconds > 0:
        raise MakerError(f"--long {seconds!r}: the length must be above 0 seconds")
    if not 0 <= music_share <= 1:
        raise MakerError(f"--music-share {music_share!r}: the share must lie between 0 and 1")
    bank = Bank()
    rng = np.random.default_rng(seed)
    turns = max(1, round(seconds / TURN_S))
    edges = np.round(np.linspace(0, seconds, turns + 1) * RATE).astype(np.int64)
    blocks: list[dict[str, Any]] = []
    with AudioFile(path, bit_rate=64_000, tags={"title": f"Talk and music, seed {seed}"}) as file:
        for number, (start, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            turn = round((end - start) * music_share)
            middle = end - turn
            if middle > start:
                sentences: list[dict[str, Any]] = []
                for piece in _talk(bank, rng, start, middle, sentences):
                    file.write(piece)
                blocks.append(
                    {"kind": "speech", "start_s": start / RATE, "end_s": middle / RATE, "sentences": sentences}
                )
            if end > middle:
                for piece in _music(rng, end - middle):
                    file.write(piece)
                blocks.append({"kind": "music", "start_s": middle / RATE, "end_s": end / RATE})
            if number % 10 == 9 or number == turns - 1:
                tell(f"{end / RATE:.0f} of {seconds:.0f} s written")
    if facts is not None:
        kept = {"seconds": seconds, "music_share": music_share, "seed": seed, "blocks": blocks}
        facts.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _talk(bank: Bank, rng: np.random.Generator, start: int, end: int, sentences: list[dict[str, Any]]) -> Iterator[Pcm]:
    """Give the samples from `start` to `end`, two people in turn; note what is said in `sentences`."""
    at, spoken = start, 0
    voice = int(rng.integers(len(bank.voices)))
    while at < end:
        text, pcm = bank.sentence(rng, bank.voices[voice])
        if at + pcm.size > end:  # no half sentences: what is left stays silent
            yield silence((end - at) / RATE)
            return
        sentences.append({"start_s": round(at / RATE, 3), "end_s": round((at + pcm.size) / RATE, 3), "text": text})
        yield pcm
        at += pcm.size
        pause = min(round(float(rng.uniform(0.3, 0.8)) * RATE), end - at)
        yield np.zeros(pause, dtype=np.float32)
        at += pause
        spoken += 1
        if spoken % int(rng.integers(2, 6)) == 0:
            voice = (voice + 1) % len(bank.voices)


def _music(rng: np.random.Generator, wanted: int) -> Iterator[Pcm]:
    """Give `wanted` samples of a new piece, faded at both ends."""
    style = _STYLES[int(rng.integers(len(_STYLES)))]
    style = replace(style, bpm=style.bpm * float(rng.uniform(0.92, 1.08)), key=style.key + int(rng.integers(-3, 4)))
    given, tail = 0, min(round(2.0 * RATE), wanted)
    for bar in music.bars_of(style, seed=int(rng.integers(1 << 31))):
        piece = soften(fade(bar[: wanted - given], in_s=0.02 if given == 0 else 0.0))
        left = wanted - given - np.arange(piece.size)
        given += piece.size
        yield piece * np.minimum(1, left / tail).astype(np.float32)
        if given >= wanted:
            return
