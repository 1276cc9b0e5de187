"""Synthesised voices, by two free programs that are needed only while media are being made.

English is spoken by flite (its voices carry a licence as free as MIT's), German by espeak-ng (whose output belongs to
whoever makes it). Both give the same samples for the same words every time. What is said is chosen elsewhere.
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from uploads_maker.sound import RATE, MakerError, Pcm, fade, level, read_audio

SPEECH_DB = -20.0
"""How loud every voice is made, in dB of full scale."""

_EDGE_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One voice of one program."""

    program: str
    """`flite` or `espeak-ng`: also the name of the Debian package."""
    model: str
    """The program's own name of the voice."""
    pace: float = 1.0
    """Length of the speech against the voice's ordinary length; above 1 is slower."""

    @property
    def name(self) -> str:
        """How texts about the media call this voice."""
        return f"{self.program} {self.model}"


HOST = Voice(program="flite", model="slt", pace=1.06)
GUEST = Voice(program="flite", model="rms", pace=1.0)
GERMAN = Voice(program="espeak-ng", model="de", pace=1.25)


def require_voices() -> None:
    """Check that the synthesisers are installed.

    Raises:
        MakerError: one is missing; the message says what to type.
    """
    missing = [program for program in ("flite", "espeak-ng") if shutil.which(program) is None]
    if missing:
        raise MakerError(
            f"no command named {' or '.join(map(repr, missing))}: the voices of the example uploads are synthesised "
            f"by flite and espeak-ng. On Debian and Ubuntu type: apt-get install flite espeak-ng"
        )


@lru_cache(maxsize=64)
def say(text: str, voice: Voice) -> Pcm:
    """Speak `text`: samples without silence around them, at `SPEECH_DB`.

    Raises:
        MakerError: the voice's program is missing or refused the text.
    """
    require_voices()
    program = shutil.which(voice.program) or voice.program
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        if voice.program == "flite":
            words = [
                program,
                "-voice",
                voice.model,
                "--setf",
                f"duration_stretch={voice.pace}",
                "-t",
                text,
                "-o",
                str(wav),
            ]
        else:
            words = [program, "-v", voice.model, "-s", str(round(162 / voice.pace)), "-w", str(wav), text]
        done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        if done.returncode != 0 or not wav.is_file():
            raise MakerError(f"{voice.program} could not say {text!r}: {done.stderr.strip() or 'no reason given'}")
        pcm = np.concatenate(list(read_audio(wav)))
    return level(_trimmed(pcm), SPEECH_DB)


def _trimmed(pcm: Pcm) -> Pcm:
    """Cut the silence off both ends, so that where a clip is laid is where its first word is heard."""
    hop = RATE // 100
    frames = np.sqrt(np.mean(np.square(pcm[: pcm.size // hop * hop].reshape(-1, hop)), axis=1))
    heard = np.flatnonzero(frames > 0.01 * frames.max())
    edge = round(_EDGE_S * RATE)
    cut = pcm[max(0, heard[0] * hop - edge) : (heard[-1] + 1) * hop + edge]
    return fade(cut, in_s=_EDGE_S / 2, out_s=_EDGE_S / 2)
