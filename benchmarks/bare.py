"""The bare side of a comparison, as a program: models called in a plain loop, with nothing of the platform around them.

python -m benchmarks.bare whisper FILE          plain faster-whisper over a whole file
python -m benchmarks.bare signals FOLDER NAMES  the named signals on an upload, decoded beforehand: seconds as JSON
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from noisegate.adapters.library import MediaLibrary
from noisegate.adapters.models.context import ModelContext
from noisegate.cli.item_files import Overrides, read_draft
from noisegate.cli.understand import opened
from noisegate.core.modality import Audio, Image, Part, Role, Text, Video
from noisegate.core.ports import Done
from noisegate.engine.frontier import Frontier
from noisegate.settings import Settings
from noisegate.signals.audio.transcript import Transcript
from noisegate.system import System


def whisper(path: str) -> None:
    """Transcribe a whole file with the model, beam and word times that our signal uses."""
    from faster_whisper import WhisperModel

    with System(Settings()) as system:
        folder = system.registry.path(Transcript.weights)
        threads = system.settings.threads
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
    segments, _ = model.transcribe(path, beam_size=Transcript().beam_size, word_timestamps=True)
    for segment in segments:
        print(segment.text)


def signals(folder: str, names: str) -> None:
    """Print the seconds that loading and running the named signals takes on an upload, decoding left out."""
    with System(Settings()) as system, opened(system, read_draft(Path(folder), Overrides())) as upload:
        context = ModelContext(system.registry, threads=system.settings.threads, bank=system.banks.entries)
        library = MediaLibrary(system.media, lambda digest: nullcontext(upload.paths[digest]))
        spent = 0.0
        with library.parts(upload.item) as roots:
            frontier = Frontier(roots, system.catalogue)
            frontier.ask(names.split(","))
            models: dict[str, object] = {}
            while work := frontier.ready():
                for one in work:
                    _decode(one.part)
                    name = one.signal.spec.name
                    if name not in models:
                        signal = one.signal
                        models[name], seconds = _timed(lambda signal=signal: signal.load(context))  # type: ignore[misc]
                        spent += seconds
                    model, part, signal = models[name], one.part, one.signal
                    result, seconds = _timed(lambda s=signal, m=model, p=part: s.run(m, [p])[0])  # type: ignore[misc]
                    spent += 0.0 if isinstance(part, Video) else seconds  # choosing frames is decoding
                    frontier.done(Done(signal=one.signal, part=one.part, result=result, seconds=seconds))
    print(json.dumps({"seconds": spent}))


def texts(file: str) -> None:
    """Print the CPU seconds that calling the text model on each text takes, once it is loaded and warm."""
    with System(Settings()) as system:
        signal = system.catalogue["text.moderation"]
        model = signal.load(ModelContext(system.registry, threads=1))
    parts = [Text(role=Role.COMMENT, text=text) for text in json.loads(Path(file).read_text("utf-8"))]
    for part in parts[:20]:
        signal.run(model, [part])
    start = time.process_time()
    for part in parts:
        signal.run(model, [part])
    print(json.dumps({"cpu_s": time.process_time() - start}))


def _decode(part: Part) -> None:
    """Have the content ready, so that reading it is not counted as the model's time."""
    if isinstance(part, Image):
        part.pixels()
    elif isinstance(part, Audio):
        part.samples(0.0, 0.1)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start


if __name__ == "__main__":
    programs: dict[str, Callable[..., None]] = {"whisper": whisper, "signals": signals, "texts": texts}
    programs[sys.argv[1]](*sys.argv[2:])
