import numpy as np

from noisegate.core.content import ArrayImage, ArrayVideo
from noisegate.core.errors import MediaError
from noisegate.core.modality import Frame, Role
from noisegate.core.signal import Failure
from noisegate.signals.video.frames import Frames
from noisegate.testing import video

BLACK = np.zeros((8, 12, 3), dtype=np.uint8)


def test_every_frame_carries_the_time_it_stands_for() -> None:
    """What is found on a frame is then found at its second."""
    (made,) = Frames().run(None, [video(BLACK, BLACK, seconds_each=4.0)])
    assert [(part.origin.where.start_s, part.origin.where.end_s) for part in made.parts] == [(0.0, 4.0), (4.0, 8.0)]
    assert {part.role for part in made.parts} == {Role.FRAME}


def test_a_film_that_was_not_seen_to_its_end_lacks_something() -> None:
    """What was seen is used; what was not must not count as harmless."""
    film = video(BLACK)

    class Cut(ArrayVideo):
        def damage(self) -> MediaError:
            return MediaError("the film ends too soon", kind="truncated")

    object.__setattr__(
        film, "content", Cut((Frame(start_s=0, end_s=1, width=12, height=8, content=ArrayImage(BLACK)),))
    )
    (made,) = Frames().run(None, [film])
    assert len(made.parts) == 1
    assert made.lacking == Failure(kind="truncated", message="the film ends too soon")


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

        def damage(self) -> None:
            return None

    object.__setattr__(film, "content", Content())
    Frames(per_minute=3, at_most=9).run(None, [film])
    assert asked == [(3, 9)]
