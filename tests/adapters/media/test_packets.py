import io

import av
import made_media as made
import pytest

from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.packets import Decoder
from noisegate.core.errors import MediaError


def decoder(data: bytes, limits: Limits | None = None) -> Decoder:
    container = av.open(io.BytesIO(data))
    return Decoder(container, container.streams[0], limits or Limits())


def test_every_frame_of_a_sound_file_comes_out() -> None:
    """Packets with something in them are counted."""
    one = decoder(made.wav(made.tone(1.0)))
    assert sum(frame.samples for frame in one.frames()) == 44_100
    assert one.packets > 0
    assert (one.damaged, one.broke_off) == (0, False)


def test_what_does_not_decode_is_counted_and_skipped() -> None:
    """Frames before and after it come out."""
    whole = made.encoded(made.tone(3.0), "aac", "adts")
    hurt = made.damaged(whole, lambda size: [(at, b"\xa5" * 60) for at in range(size // 3, size // 2, 700)])
    one = decoder(hurt)
    assert sum(frame.samples for frame in one.frames()) > 44_100
    assert one.damaged > 0


def test_nothing_at_all_has_a_reason() -> None:
    """Damaged, cut off, or simply empty."""
    one = decoder(made.wav(made.tone(0.1)))
    assert one.nothing("sound").kind == "empty"
    one.broke_off = True
    assert one.nothing("sound").kind == "truncated"
    one.damaged = 3
    assert one.nothing("sound").kind == "decode_failed"


def test_too_much_damage_is_a_failure() -> None:
    """The share is the operator's."""
    one = decoder(made.wav(made.tone(0.1)), Limits(max_damaged_share=0.1))
    one.packets, one.damaged = 100, 10
    one.check()
    one.damaged = 11
    with pytest.raises(MediaError, match="10%"):
        one.check()
