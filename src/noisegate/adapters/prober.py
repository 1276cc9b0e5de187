"""What a file is, by content: the guarded probe's answer as an `Asset`, problems included."""

import hashlib
from pathlib import Path

from noisegate.adapters.media.guard import MediaGuard
from noisegate.core.errors import MediaError
from noisegate.core.ids import digest_from_hex
from noisegate.core.item import Asset
from noisegate.core.modality import Modality, Role

NEEDS = {
    Role.COVER: Modality.IMAGE,
    Role.PICTURE: Modality.IMAGE,
    Role.RECORDING: Modality.AUDIO,
    Role.FILM: Modality.VIDEO,
    Role.LYRICS: Modality.TEXT,
}
"""Role -> what its file must be."""


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
            modality = Modality(probe.kind)
            if role is not None and NEEDS.get(role, modality) is not modality:
                needed = NEEDS[role].value
                raise MediaError(
                    f"`{name}` was given as {role.value}, which must be {needed}, and it is {modality.value}",
                    kind="mislabelled",
                )
        except MediaError as error:
            return Asset(
                digest=digest, name=name, size=size, role=role, problem=error.kind, problem_message=error.message
            )
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
        )
