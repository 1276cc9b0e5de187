"""Spoken clips kept in the repository, so that long recordings can be made where no synthesiser is installed.

A sentence is one opening and one ending in the same voice: with a few dozen of each there are hundreds of sentences,
so an hour of talk seldom says the same thing twice, and never at the same speed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uploads_maker.sound import RATE, MakerError, Pcm, Tape, fade, read_audio, write_audio
from uploads_maker.speech import GUEST, HOST, say

FOLDER = Path(__file__).parent / "spoken"
"""Where the clips lie: `clips.ogg` and `clips.json`."""

_OPENINGS = (
    "On the first morning of spring", "Shortly after breakfast", "In the middle of the afternoon",
    "When the ferry came in", "Before the shops were open", "At the end of the harvest", "During the long winter",
    "While the rain was falling", "As soon as the bells rang", "On the way to the station", "Late in the evening",
    "In the year of the great flood", "After the concert", "Behind the old post office", "Just before sunset",
    "On a quiet Sunday", "When nobody was looking", "Under the wooden bridge", "Halfway up the hill",
    "At the far end of the market", "Three days later", "In a small town by the sea", "With a map in her pocket",
    "To everyone's surprise",
)  # fmt: skip
_ENDINGS = (
    "the baker opened the blue door and put out a basket of warm bread.",
    "two children counted the boats and wrote the number on the wall.",
    "a letter arrived that nobody had expected.",
    "the teacher explained how rivers change their course over many years.",
    "the orchestra began to tune, and the whole square fell silent.",
    "my grandfather repaired the clock with a piece of wire.",
    "a grey cat walked slowly across the kitchen table.",
    "the mayor promised to plant one hundred trees along the road.",
    "we found an old bicycle and painted it green.",
    "the library lent out its thousandth book about birds.",
    "a farmer sold seven kinds of apples from the back of a truck.",
    "the engineers measured the bridge and found that it had grown.",
    "someone played the piano with all the windows open.",
    "the weather changed, and the mountains came into view.",
    "they shared a pot of tea and talked about the price of wool.",
    "the train stopped for an hour because of a flock of sheep.",
    "a young scientist looked at a drop of water and smiled.",
    "the gardener showed us where the strawberries would grow.",
    "a painter asked for more light and a larger canvas.",
    "the radio reported that the comet could be seen again.",
    "the fishermen mended their nets and sang an old song.",
    "our neighbour carried a ladder through the narrow street.",
    "the museum put a single wooden spoon on display.",
    "everybody agreed that the soup needed a little more salt.",
    "a pilot drew the shape of the coast from memory.",
    "the tailor cut the cloth and hummed to himself.",
    "the swimmers crossed the lake in less than an hour.",
    "a dog waited at the corner until the bus had gone.",
    "the students built a model of the harbour out of cork.",
    "the last lamp was lit, and the town went to sleep.",
)
_VOICES = (HOST, GUEST)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One opening or ending in one voice."""

    voice: str
    text: str
    pcm: Pcm


def make_bank(folder: Path = FOLDER, *, tell: Callable[[str], None]) -> None:
    """Speak every opening and ending in every voice and keep them in `folder`; needs the synthesisers."""
    folder.mkdir(parents=True, exist_ok=True)
    tape, index = Tape(), []
    for voice in _VOICES:
        tell(f"speaking {len(_OPENINGS) + len(_ENDINGS)} clips with {voice.name}")
        for part, texts in (("opening", _OPENINGS), ("ending", _ENDINGS)):
            for text in texts:
                span = tape.put(say(text, voice))
                tape.rest(0.1)
                place = {"start_s": round(span.start_s, 4), "end_s": round(span.end_s, 4)}
                index.append({"voice": voice.name, "part": part, "text": text, **place})
    write_audio(folder / "clips.ogg", tape.pcm(), bit_rate=20_000)
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in index)
    (folder / "clips.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


class Bank:
    """The clips of `folder`, read once; about 30 MB.

    Raises:
        MakerError: the clips are missing.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        index = folder / "clips.json"
        if not index.is_file():
            raise MakerError(
                f"no spoken clips in {str(folder)!r}: type python examples/make_uploads.py --bank to make them"
            )
        sound = np.concatenate(list(read_audio(folder / "clips.ogg")))
        self._clips: dict[tuple[str, str], list[Clip]] = {}
        for entry in json.loads(index.read_text(encoding="utf-8")):
            cut = sound[round((entry["start_s"] - 0.03) * RATE) if entry["start_s"] > 0.03 else 0 :][
                : round((entry["end_s"] - entry["start_s"] + 0.06) * RATE)
            ]
            clip = Clip(voice=entry["voice"], text=entry["text"], pcm=fade(cut, in_s=0.01, out_s=0.01))
            self._clips.setdefault((clip.voice, entry["part"]), []).append(clip)
        self.voices = sorted({voice for voice, _ in self._clips})

    def sentence(self, rng: np.random.Generator, voice: str) -> tuple[str, Pcm]:
        """Give one sentence: its text and its sound, a little faster or slower than it was spoken.

        Faster is also higher, so that two voices sound like several people.
        """
        first, second = (
            clips[int(rng.integers(len(clips)))]
            for clips in (self._clips[voice, "opening"], self._clips[voice, "ending"])
        )
        gap = np.zeros(round(0.12 * RATE), dtype=np.float32)
        spoken = np.concatenate([first.pcm, gap, second.pcm])
        speed = float(rng.uniform(0.94, 1.06))
        at = np.arange(0, spoken.size - 1, speed)
        return f"{first.text}, {second.text}", np.interp(at, np.arange(spoken.size), spoken).astype(np.float32)
