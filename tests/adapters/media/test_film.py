import io
from collections.abc import Sequence
from fractions import Fraction

import av
import made_media as made
import numpy as np
import pytest
from PIL import Image

from noisegate.adapters.media.answers import Shot, Shots
from noisegate.adapters.media.film import shots
from noisegate.adapters.media.limits import Limits
from noisegate.core.errors import MediaError

FPS = 8


def chosen(
    data: bytes, *, per_minute: int = 60, max_frames: int = 100, max_side: int = 640, limits: Limits | None = None
) -> tuple[Shots, list[Image.Image]]:
    out = io.BytesIO()
    found = shots(
        io.BytesIO(data),
        len(data),
        out,
        per_minute=per_minute,
        max_frames=max_frames,
        max_side=max_side,
        limits=limits or Limits(),
    )
    return found, [picture(out, shot) for shot in found.shots]


def picture(out: io.BytesIO, shot: Shot) -> Image.Image:
    return Image.open(io.BytesIO(out.getvalue()[shot.offset : shot.offset + shot.size]))


def refused(data: bytes, limits: Limits | None = None) -> MediaError:
    with pytest.raises(MediaError) as caught:
        chosen(data, limits=limits)
    return caught.value


def cuts(seeds: Sequence[int], seconds: float = 2.0) -> list[Image.Image]:
    return [made.scene(seed) for seed in seeds for _ in range(round(seconds * FPS))]


def like(one: Image.Image, other: Image.Image) -> bool:
    size = (64, 36)
    return bool(
        np.abs(np.asarray(one.resize(size)).astype(int) - np.asarray(other.resize(size)).astype(int)).mean() < 8
    )


def test_every_scene_gives_one_picture_from_its_start_to_its_end() -> None:
    """Cuts are found to the frame that was looked at, and ranges meet."""
    found, pictures = chosen(made.film(cuts([1, 2, 3]), fps=FPS))
    assert [(shot.time_s, shot.end_s) for shot in found.shots] == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]
    assert [shot.why for shot in found.shots] == ["start", "scene", "scene"]
    assert all(like(seen, made.scene(seed)) for seen, seed in zip(pictures, [1, 2, 3], strict=True))
    assert found.duration_s == pytest.approx(6.0)


def test_scenes_are_found_where_the_encoder_set_no_key_frame() -> None:
    """A key frame at the beginning and none after it."""
    found, _ = chosen(made.film(cuts([1, 2, 3]), fps=FPS, options={"g": "1000", "sc_threshold": "0"}))
    assert [shot.time_s for shot in found.shots] == [0.0, 2.0, 4.0]


def test_a_film_that_stands_still_gives_one_picture() -> None:
    """However long, and however many key frames it has."""
    found, _ = chosen(made.film(cuts([1], seconds=20.0), fps=FPS, options={"g": "8"}))
    assert [(shot.time_s, shot.end_s) for shot in found.shots] == [(0.0, pytest.approx(20.0))]


def test_a_picture_that_comes_back_is_kept_once() -> None:
    """An interview cuts back and forth; each face needs one look, and its times."""
    found, _ = chosen(made.film(cuts([1, 2, 1, 2, 1]), fps=FPS))
    assert [(shot.time_s, shot.returns) for shot in found.shots] == [
        (0.0, ((4.0, 6.0), (8.0, 10.0))),
        (2.0, ((6.0, 8.0),)),
    ]


def test_a_flash_of_a_quarter_second_is_seen() -> None:
    """Two frames of something else."""
    film = cuts([1], 2.0) + [made.scene(2)] * 2 + cuts([1], 2.0)
    found, pictures = chosen(made.film(film, fps=FPS))
    assert like(pictures[1], made.scene(2))
    assert found.shots[0].returns


@pytest.mark.parametrize("height", [24, 36, 60])
def test_words_that_appear_on_a_still_picture_are_a_new_picture(height: int) -> None:
    """A caption changes few pixels, and everything about the picture."""
    still = made.scene(1, (1280, 720))
    words = made.captioned(still, "NOBODY SHOULD LISTEN TO THIS", height=height)
    found, _ = chosen(made.film([still] * 16 + [words] * 16 + [still] * 8, fps=FPS), max_side=1280)
    assert [(shot.time_s, shot.end_s) for shot in found.shots] == [(0.0, 2.0), (2.0, 4.0)]


def test_a_fade_gives_the_picture_it_leads_to() -> None:
    """Not one in the middle of it."""
    one, two = made.scene(1), made.scene(2)
    fade = [Image.blend(one, two, step / 8) for step in range(8)]
    found, pictures = chosen(made.film([one] * 16 + fade + [two] * 16, fps=FPS))
    assert len(found.shots) == 2
    assert like(pictures[1], two)


def test_movement_is_sampled_slowly() -> None:
    """A pan of ten seconds is not forty pictures."""
    wide = made.scene(1, (1600, 180))
    pan = [wide.crop((step * 12, 0, step * 12 + 320, 180)) for step in range(10 * FPS)]
    found, _ = chosen(made.film(pan, fps=FPS))
    assert 2 <= len(found.shots) <= 8


def test_at_most_so_many_pictures_of_a_minute_and_cuts_go_first() -> None:
    """What is left out stands under the picture before it."""
    found, _ = chosen(made.film(cuts(range(10), seconds=1.0), fps=FPS), per_minute=4)
    assert len(found.shots) == 4
    assert [one.end_s for one in found.shots[:-1]] == [two.time_s for two in found.shots[1:]]


def test_at_most_so_many_pictures_in_all_spread_over_the_film() -> None:
    """Five minutes, six pictures: not all of them from the first."""
    found, _ = chosen(made.film([made.scene(second // 5) for second in range(300)], fps=1), max_frames=6)
    assert len(found.shots) <= 6
    assert max(shot.time_s for shot in found.shots) > 0.7 * found.duration_s


def test_a_film_longer_than_it_says_gives_no_more_pictures() -> None:
    """The length in a header is a claim."""
    data = made.film([made.scene(frame // 16) for frame in range(320)], fps=2, form="mpegts")
    found, _ = chosen(data, max_frames=5, per_minute=5)
    assert len(found.shots) <= 5


def test_pictures_are_scaled_down_in_proportion() -> None:
    """The longer side is at most what was asked for."""
    found, pictures = chosen(made.film(cuts([1]), fps=FPS), max_side=160)
    assert pictures[0].size == (160, 90)
    assert (found.shots[0].width, found.shots[0].height) == (160, 90)


def test_a_film_made_on_its_side_is_turned_upright() -> None:
    """Telephones store landscape and a matrix that says how to hold it."""
    top = Image.new("RGB", (320, 180), "blue")
    top.paste("white", (0, 0, 320, 60))  # the upper third
    data = bytearray(made.film([top] * 8, fps=FPS))
    header = data.index(b"tkhd")
    matrix = header + 4 + 4 + 36  # type, version and flags, times, ids, layer, volume
    quarter = b"".join(
        number.to_bytes(4, "big", signed=True) for number in (0, 65536, 0, -65536, 0, 0, 180 << 16, 0, 1 << 30)
    )
    data[matrix : matrix + 36] = quarter
    _, pictures = chosen(bytes(data))
    assert pictures[0].size == (180, 320)
    shown = np.asarray(pictures[0])
    assert shown[160, 160].min() > 200  # turned clockwise, the upper third is on the right
    assert shown[160, 20].tolist()[0] < 80


def test_frames_that_all_claim_to_be_needless_are_decoded() -> None:
    """Skipping what no other frame needs must not be a way to hide."""
    film = cuts([1], 1.0) + [made.scene(2)] * (2 * FPS) + cuts([1], 1.0)
    data = made.film(
        film, fps=FPS, codec="libx264", options={"g": "1000", "sc_threshold": "0", "bf": "16", "b_strategy": "0"}
    )
    _, pictures = chosen(data)
    assert any(like(seen, made.scene(2)) for seen in pictures)


@pytest.mark.parametrize(
    ("form", "codec"), [("matroska", "libvpx-vp9"), ("avi", "mpeg4"), ("mpegts", "mpeg2video"), ("mov", "mpeg4")]
)
def test_other_codecs_and_containers_work(form: str, codec: str) -> None:
    """Two scenes are two pictures in each of them."""
    pictures = cuts([1, 2])
    found, _ = chosen(made.film(pictures, fps=25 if codec == "mpeg2video" else FPS, form=form, codec=codec))
    assert len(found.shots) == 2


def test_half_a_film_gives_what_there_is() -> None:
    """A stream is readable up to where it was cut."""
    data = made.film(cuts([1, 2, 3, 4]), fps=FPS, form="matroska", options={"g": "8"})
    found, _ = chosen(data[: len(data) * 6 // 10])
    assert 1 <= len(found.shots) < 4


@pytest.mark.parametrize(("form", "codec"), [("matroska", "libx264"), ("webm", "libvpx"), ("flv", "flv")])
def test_a_film_cut_short_says_so(form: str, codec: str) -> None:
    """What was in the rest of it, nobody has seen."""
    data = made.film(cuts([1, 2, 3, 4, 5]), fps=FPS, form=form, codec=codec)
    assert not chosen(data)[0].truncated
    assert chosen(data[: len(data) * 4 // 10])[0].truncated


def test_sound_that_outlasts_the_picture_cuts_no_film_short() -> None:
    """A file's length is that of its longest stream."""
    data = made.film(cuts([1]), fps=FPS, sound=made.tone(12.0), form="matroska")
    assert not chosen(data)[0].truncated


def test_a_picture_that_is_shown_for_long_stands_for_all_of_that_time() -> None:
    """A film of one frame: its packet says how long."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        frame = av.VideoFrame.from_image(made.scene(1))
        frame.pts, frame.time_base = 0, Fraction(1, 10)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            packet.duration = int(40 / packet.time_base)
            container.mux(packet)
    found, _ = chosen(out.getvalue())
    assert [(shot.time_s, shot.end_s) for shot in found.shots] == [(0.0, 40.0)]
    assert not found.truncated


def test_sound_alone_has_no_film() -> None:
    """The kind tells it from a failure."""
    assert refused(made.mp3(made.tone(1.0))).kind == "no_stream"
    assert refused(made.saved(made.scene(1), "PNG")).kind == "unsupported"


def test_a_film_that_does_not_end_is_stopped() -> None:
    """Whatever the header says."""
    assert refused(made.film(cuts([1, 2]), fps=FPS), Limits(max_duration_s=1.0)).kind == "too_long"


def test_noise_for_pictures_is_a_failure() -> None:
    """A film of which nothing decodes."""
    data = made.film(cuts([1]), fps=FPS)
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    noise = np.random.default_rng(1).integers(0, 256, end - start).astype("uint8").tobytes()
    assert refused(data[:start] + noise + data[end:]).kind == "decode_failed"
