"""What a file is, by content: the guarded probe's answer as an `Asset`, problems included."""

import hashlib
from pathlib import Path

from noisegate.adapters.media.guard import MediaGuard
from noisegate.adapters.media.probe import Probe
from noisegate.core.errors import MediaError
from noisegate.core.ids import digest_from_hex
from noisegate.core.item import Asset
from noisegate.core.modality import Modality, Role

MAX_TEXT_BYTES = 1_000_000
"""Bytes of a text file: the longest chapter of a novel is a tenth of it, and every signal reads all of a text."""

_MODALITIES = {"image": Modality.IMAGE, "audio": Modality.AUDIO, "video": Modality.VIDEO, "text": Modality.TEXT}


class MediaProber:
    """A `core.ports.Prober` over the guarded decoder."""

    def __init__(self, media: MediaGuard) -> None:
        self._media = media

    def asset(self, path: str, *, name: str, role: Role | None) -> Asset:
        """See the port."""
        file = Path(path)
        with file.open("rb") as stream:
            digest = digest_from_hex(hashlib.file_digest(stream, "sha256").hexdigest())
        size = file.stat().st_size
        try:
            probe = self._media.probe(file, declared_name=name)
        except MediaError as error:
            return Asset(
                digest=digest, name=name, size=size, role=role, problem=error.kind, problem_message=error.message
            )
        modality = _MODALITIES.get(probe.kind)
        kind, problem = _misfit(file, size, role, modality, probe)
        return Asset(
            digest=digest,
            name=name,
            size=size,
            role=role,
            modality=modality,
            media_type=probe.media_type,
            duration_s=probe.duration_s,
            width=probe.width,
            height=probe.height,
            problem=kind,
            problem_message=problem,
        )


def _misfit(
    file: Path, size: int, role: Role | None, modality: Modality | None, probe: Probe
) -> tuple[str | None, str | None]:
    """Why the file cannot be used as it was given: a MediaError kind and a sentence, or twice None."""
    if modality is None:
        return "unsupported", f"a {probe.container} file is neither text, picture, sound nor film"
    if role is not None and role.modality is not modality:
        return "mislabelled", f"given as {role.value}, which must be {role.modality.value}, and it is {modality.value}"
    if probe.animated:  # its first frame says nothing of the others
        return "unsupported", "a picture that moves; still pictures are looked at, and films"
    if modality is Modality.TEXT:
        if size > MAX_TEXT_BYTES:
            return "too_large", f"{size:,} bytes of text; at most {MAX_TEXT_BYTES:,} are read"
        try:
            read_text(file)
        except UnicodeDecodeError as error:
            return "decode_failed", f"not UTF-8: {error}"
    return None, None


def read_text(file: Path) -> str:
    """The words in a file, NUL as U+FFFD. Raises UnicodeDecodeError when it is not UTF-8."""
    return file.read_bytes().decode("utf-8-sig").replace("\0", "\ufffd")  # the database cannot hold NUL
