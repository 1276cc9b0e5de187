import numpy as np

from noisegate.core.modality import Role
from noisegate.signals.video.frames import Frames
from noisegate.testing import video

BLACK = np.zeros((8, 12, 3), dtype=np.uint8)


def test_every_frame_carries_the_time_it_stands_for() -> None:
    """What is found on a frame is then found at its second."""
    (made,) = Frames().run(None, [video(BLACK, BLACK, seconds_each=4.0)])
    assert [(part.origin.where.start_s, part.origin.where.end_s) for part in made.parts] == [(0.0, 4.0), (4.0, 8.0)]
    assert {part.role for part in made.parts} == {Role.FRAME}


def test_no_more_frames_than_asked_for() -> None:
    """The configuration bounds what a long film may cost."""
    (made,) = Frames(at_most=2).run(None, [video(*[BLACK] * 5)])
    assert len(made.parts) == 2


def test_the_decoder_is_told_how_many() -> None:
    """Choosing is the decoder's work; the numbers are the signal's."""
    asked: list[tuple[int, int]] = []
    film = video(BLACK)

    class Content:
        def frames(self, *, per_minute: int, at_most: int) -> tuple[()]:
            asked.append((per_minute, at_most))
            return ()

    object.__setattr__(film, "content", Content())
    Frames(per_minute=3, at_most=9).run(None, [film])
    assert asked == [(3, 9)]
