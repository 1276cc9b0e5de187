"""From packets to frames: skips what is damaged, counts it, and gives up when too much is.

Runs in the child. Knows one stream of an opened container, not what its frames are for.
"""

from collections.abc import Iterator
from typing import Any

from noisegate.adapters.media.limits import Limits
from noisegate.core.errors import MediaError

_CHECK_EVERY = 200  # damaged packets


class Decoder:
    """Decodes one stream from front to back."""

    def __init__(self, container: Any, stream: Any, limits: Limits) -> None:
        self._container = container
        self._stream = stream
        self._limits = limits
        self.packets = 0
        """With something in them, so far."""
        self.damaged = 0
        """Of those, how many did not decode."""
        self.reached_s = 0.0
        """Where the last packet ends, in seconds from the stream's own beginning."""
        self.broke_off = False
        """The container itself could not be read to its end."""

    def frames(self) -> Iterator[Any]:
        """Everything that decodes.

        Raises:
            MediaError: decode_failed, when more is damaged than allowed.
        """
        import av

        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except MemoryError:
                raise
            except av.FFmpegError:
                self.broke_off = True
                return
            if packet is None:
                return
            self.packets += packet.size > 0
            self._reach(packet)
            try:
                yield from packet.decode()
            except MemoryError:
                raise
            except av.EOFError:
                return
            except av.FFmpegError as error:
                if packet.size:
                    self._count(error)

    def nothing(self, what: str) -> MediaError:
        """The error for a stream that gave no frame."""
        if self.damaged:
            return MediaError(f"none of the {self.packets} packets of {what} decodes", kind="decode_failed")
        if self.broke_off:
            return MediaError(f"the file ends before its first {what}", kind="truncated")
        return MediaError(f"there is a stream of {what}, but nothing in it", kind="empty")

    def check(self, error: Exception | None = None) -> None:
        """Give up when too many packets were damaged. Raises MediaError (decode_failed)."""
        bound = self._limits.max_damaged_share
        if self.damaged > bound * self.packets:
            why = f" ({getattr(error, 'strerror', error)})" if error else ""
            raise MediaError(
                f"{self.damaged} of the first {self.packets} packets do not decode{why}; at most {bound:.0%} may be damaged",
                kind="decode_failed",
            )

    def _reach(self, packet: Any) -> None:
        at = packet.dts if packet.pts is None else packet.pts
        if at is not None and packet.time_base:
            end = at + (packet.duration or 0) - (self._stream.start_time or 0)
            self.reached_s = max(self.reached_s, float(end * packet.time_base))

    def _count(self, error: Exception) -> None:
        self.damaged += 1
        if self.damaged % _CHECK_EVERY == 0:
            self.check(error)
