"""How much of the machine one stranger's file may use, and what it may claim to be.

Every number is a default that an operator can change. The module knows no decoder and enforces nothing: `sandbox`
turns some of it into kernel limits, `guard` into clocks, the decoding modules into refusals.
"""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one file may claim and one operation may use."""

    max_bytes: int = 8 << 30
    """Bytes of one file; 8 GiB: twelve hours of CD-quality WAV are 7.6 GB."""
    max_pixels: int = 40_000_000
    """Width x height of a picture or video frame; 40 million: an 8K frame is 33, a large camera's photo 36. Decoding
    costs memory by this number, whatever the file's size (18 kB can hold 144 million pixels)."""
    max_side: int = 20_000
    """Pixels of the longer side; 20,000: no cover or screen is longer, and many models resize by the short side."""
    max_duration_s: float = 12 * 3600.0
    """Seconds of sound or film; 12 hours: the longest audiobook files. Also ends a decode that never ends by itself."""
    max_streams: int = 16
    """Streams in one container; 16: a film with a dozen languages. Each costs memory before a byte is decoded."""
    max_channels: int = 16
    """Channels of one audio stream; 16: third-order ambisonics. A WAV header may claim 65,535."""
    min_sample_rate: int = 1_000
    """Hertz; 1,000: slower rates exist only in made-up headers, and turn a small file into days of sound."""
    max_sample_rate: int = 768_000
    """Hertz; 768,000: the fastest studio converters."""
    max_damaged_share: float = 0.5
    """Packets that may fail to decode, 0..1 of those seen; 0.5: beyond that what is left is not what would be heard."""
    max_gap_s: float = 30.0
    """Seconds of silence written for one hole in the timestamps; 30: keeps times true after lost packets. A larger
    jump is taken for a broken clock and closed."""

    child_memory_bytes: int = 1536 * MIB
    """Bytes of address space of the child; 1.5 GiB: libraries map 0.25, a 40-million-pixel picture with its copies
    needs 0.6, sixteen 4K reference frames 0.2."""
    spool_file_bytes: int = 2 << 30
    """Bytes of one file the child may write; 2 GiB: twelve hours of 16 kHz 16-bit mono are 1.38 GB."""

    probe_cpu_s: float = 10.0
    """CPU seconds to read headers; 10: a usual file needs 0.01."""
    image_cpu_s: float = 20.0
    """CPU seconds for one picture; 20: 40 million pixels of the slowest format need about 4."""
    decode_cpu_s: float = 30.0
    """CPU seconds any decode of sound or film may use before its length counts."""
    sound_cpu_share: float = 0.05
    """Further CPU seconds per second of sound; 0.05: about twenty times what was measured."""
    film_cpu_share: float = 1.5
    """Further CPU seconds per second of film; 1.5: 4K at 60 frames a second on a slow core."""
    wall_factor: float = 4.0
    """Wall seconds per CPU second allowed; 4: a machine whose cores are busy with models still finishes."""
    least_wall_s: float = 30.0
    """Wall seconds any operation has; 30: a disk may stall."""
    start_wall_s: float = 60.0
    """Wall seconds for a child to load its libraries; 60: a cold disk under load. Usually 0.3."""

    def cpu_for(self, operation: str, *, duration_s: float | None, size_bytes: int) -> float:
        """CPU seconds for one operation on a file of this claimed length.

        A file that does not say how long it is gets the time of a low bit rate (1 kB/s), never more than the longest
        allowed file.
        """
        if operation == "probe":
            return self.probe_cpu_s
        if operation == "image":
            return self.image_cpu_s
        length = min(size_bytes / 1000 if duration_s is None else duration_s, self.max_duration_s)
        share = self.sound_cpu_share if operation == "pcm" else self.film_cpu_share
        return self.decode_cpu_s + share * length

    def wall_for(self, cpu_s: float) -> float:
        """Wall seconds for an operation that may use `cpu_s` CPU seconds."""
        return max(self.least_wall_s, self.wall_factor * cpu_s)
