import av
import made_media as made
from PIL import Image

from noisegate.adapters.media.looks import Look, Movement, difference, is_blend, look_at


def look(picture: Image.Image) -> Look:
    return look_at(av.VideoFrame.from_image(picture).reformat(format="yuv420p"))


def test_the_same_picture_is_no_news() -> None:
    """Distances begin at zero."""
    assert max(difference(look(made.scene(1)), look(made.scene(1)))) == 0.0


def test_another_scene_is_news_by_colour() -> None:
    """One is the threshold."""
    assert difference(look(made.scene(1)), look(made.scene(2)))[0] > 1.0


def test_words_are_news_by_detail_and_not_by_colour() -> None:
    """That is why there are two measures."""
    still = made.scene(1, (1280, 720))
    colour, detail = difference(look(still), look(made.captioned(still, "WORDS THAT MATTER", height=30)))
    assert colour < 1.0 < detail


def test_a_blend_lies_between_and_a_flash_does_not() -> None:
    """Blending is linear."""
    one, two, three = made.scene(1), made.scene(2), made.scene(3)
    assert is_blend(look(one), look(Image.blend(one, two, 0.4)), look(two))
    assert not is_blend(look(one), look(three), look(two))
    assert not is_blend(look(one), look(one), look(two))


def test_a_cut_stands_out_from_rest_and_from_movement() -> None:
    """What is usual for the film decides."""
    wide = made.scene(1, (1600, 180))
    for speed in (0, 8):
        movement = Movement()
        pan = [look(wide.crop((step * speed, 0, step * speed + 320, 180))) for step in range(20)]
        assert not any(movement.see(one)[0] for one in pan)
        assert movement.see(look(made.scene(9)))[0]
