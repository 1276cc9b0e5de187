import io

import made_media as made
import pytest
from PIL import Image

from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.probe import Probe, probe
from noisegate.core.errors import MediaError

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'


def probed(data: bytes, name: str | None = None, limits: Limits | None = None) -> Probe:
    return probe(io.BytesIO(data), len(data), name, limits or Limits())


def refused(data: bytes, name: str | None = None, limits: Limits | None = None) -> MediaError:
    with pytest.raises(MediaError) as caught:
        probed(data, name, limits)
    return caught.value


def test_a_recording_is_described() -> None:
    """Container, codec, length, rate and channels come from the headers."""
    data = made.mp3(made.tone(2.0))
    found = probed(data, "song.mp3")
    assert (found.kind, found.container, found.media_type) == ("audio", "mp3", "audio/mpeg")
    assert found.codecs == ("mp3float",)
    assert found.duration_s == pytest.approx(2.0, abs=0.1)
    assert (found.sample_rate, found.channels, found.audio_streams, found.streams) == (44_100, 1, 1, 1)
    assert (found.width, found.height, found.size_bytes) == (None, None, len(data))


def test_a_film_is_described() -> None:
    """A film has a size and says whether it has sound."""
    found = probed(made.film([made.scene(1)] * 8, sound=made.tone(1.0)), "film.mp4")
    assert (found.kind, found.container, found.media_type) == ("video", "mp4", "video/mp4")
    assert (found.width, found.height, found.audio_streams) == (320, 180, 1)
    assert probed(made.film([made.scene(1)] * 8)).audio_streams == 0


def test_sound_alone_in_a_film_container_is_a_recording() -> None:
    """The kind follows from the streams, not from the container."""
    found = probed(made.m4a(made.tone(1.0)), "song.mp4")
    assert (found.kind, found.media_type) == ("audio", "audio/mp4")


def test_album_art_does_not_make_a_film() -> None:
    """A picture attached to a recording is counted, not played."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        sound = container.add_stream("flac", rate=44_100, layout="mono")
        art = container.add_stream("png", rate=1)
        art.width, art.height, art.pix_fmt = 64, 64, "rgb24"
        art.disposition = av.stream.Disposition.attached_pic
        container.mux(art.encode(av.VideoFrame.from_image(made.scene(1, (64, 64)))))
        frame = av.AudioFrame.from_ndarray(made.np.zeros((1, 4410), "int16"), format="s16", layout="mono")
        frame.sample_rate = 44_100
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    found = probed(out.getvalue(), "song.flac")
    assert (found.kind, found.attached_pictures, found.width) == ("audio", 1, None)


def test_a_picture_is_described_upright() -> None:
    """EXIF orientation 6 turns a 40 x 20 picture to 20 x 40."""
    exif = Image.Exif()
    exif[0x0112] = 6
    found = probed(made.saved(made.scene(1, (40, 20)), "JPEG", exif=exif), "cover.jpg")
    assert (found.kind, found.width, found.height, found.animated) == ("image", 20, 40, False)


def test_an_animation_says_so() -> None:
    """Only the first frame is ever looked at, so whoever relies on it must know."""
    frames = [made.scene(n, (40, 20)) for n in range(3)]
    assert probed(made.saved(frames[0], "GIF", save_all=True, append_images=frames[1:])).animated


def test_a_picture_of_another_format_than_its_name_is_fine_and_noted() -> None:
    """A PNG called .jpg is what its role needs all the same."""
    found = probed(made.saved(made.scene(1), "PNG"), "cover.jpg")
    assert (found.kind, found.container, found.as_named) == ("image", "png", False)


def test_text_and_archives_are_named_for_what_they_are() -> None:
    """They are not decoded here; the caller decides what they are good for."""
    assert probed(b"la la la", "lyrics.txt").kind == "text"
    assert probed(b"PK\x03\x04" + bytes(50), "stems.zip").kind == "archive"
    assert probed(SVG).kind == "other"
    assert probed(SVG, "cover.svg").container == "svg"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"PK\x03\x04" + bytes(200), "song.mp3"),
        (made.saved(made.scene(1), "PNG"), "song.mp3"),
        (made.mp3(made.tone(0.5)), "cover.png"),
        (SVG, "cover.png"),
        (b"MZ" + bytes(200), "song.mp3"),
        (b"<html><script>1</script></html>", "cover.jpg"),
        (b"%PDF-1.4\n" + bytes(200), "song.wav"),
        (b"words", "song.flac"),
        (made.film([made.scene(1)] * 3), "song.mp3"),
        (made.film([made.scene(1)] * 3), "song.m4a"),  # a film under a name for sound
        (made.saved(made.scene(1), "GIF"), "film.mp4"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(data: bytes, name: str) -> None:
    """The message says what the name promises and what the content is."""
    error = refused(data, name)
    assert error.kind == "mislabelled"
    assert name.rpartition(".")[2] in error.message


def test_an_svg_that_says_so_is_no_picture() -> None:
    """SVG is a program in a document; there is no way to show it safely."""
    assert probed(SVG, "cover.svg").kind == "other"


def test_noise_under_a_good_name_is_unsupported() -> None:
    """Content of no known type is not called by another one's name."""
    assert refused(bytes(1000), "song.mp3").kind == "unsupported"


def test_an_empty_file_is_empty() -> None:
    """No name helps."""
    assert refused(b"", "song.mp3").kind == "empty"


def test_a_file_cut_before_its_index_is_truncated() -> None:
    """An MP4 keeps its index at the end: half of it says nothing."""
    data = made.m4a(made.tone(3.0))
    assert refused(data[: len(data) // 2], "song.m4a").kind == "truncated"


def test_a_small_file_of_many_pixels_is_refused_by_its_header() -> None:
    """18 kB of PNG hold 144 million pixels."""
    data = made.flat_png(12_000, 12_000)
    assert len(data) < 20_000
    error = refused(data, "cover.png")
    assert error.kind == "too_large"
    assert "144.0 million" in error.message
    assert "40 million" in error.message
    assert refused(made.flat_png(7000, 7000)).kind == "too_large"


def test_a_long_side_is_refused_even_with_few_pixels() -> None:
    """Models resize by the shorter side: a thread of pixels becomes a mountain."""
    assert refused(made.flat_png(1, 30_000), "cover.png").kind == "too_large"


def test_a_film_of_many_pixels_is_refused_by_its_header() -> None:
    """The same limit as for pictures."""
    assert refused(made.film([made.scene(1)] * 3), limits=Limits(max_pixels=50_000)).kind == "too_large"


@pytest.mark.parametrize("count", [17, 1500, 100_000])
def test_a_container_of_many_streams_is_refused(count: int) -> None:
    """Each stream costs memory before a byte is decoded; parsing stops at the limit."""
    error = refused(made.matroska_with_streams(count), "song.mka")
    assert error.kind == "too_many_streams"
    assert "16" in error.message


@pytest.mark.parametrize("form", ["mpegts", "mov", "matroska"])
def test_many_streams_are_refused_in_every_container(form: str) -> None:
    """Containers report their streams at different times."""
    assert refused(made.many_streams(40, form)).kind == "too_many_streams"


def test_a_film_with_a_few_languages_is_fine() -> None:
    """Sixteen streams are allowed."""
    assert probed(made.many_streams(12, "matroska")).audio_streams == 12


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (made.wav_header(0x60000000, rate=8_000, bits=8), "too_long"),  # 55 hours in the header, a second in the file
        (made.wav_header(16_000, rate=1), "decode_failed"),  # makes 16,000 seconds of one
        (made.wav_header(16_000, rate=0x0FFFFFFF), "decode_failed"),
        (made.wav_header(16_000, channels=64), "decode_failed"),
        (made.wav_header(16_000, channels=60_000), "decode_failed"),
        (made.wav_header(16_000, channels=0), "decode_failed"),
    ],
)
def test_absurd_claims_of_a_recording_are_refused(header: bytes, kind: str) -> None:
    """Rates, channels and lengths that no recording has are not tried."""
    assert refused(header + bytes(16_000), "song.wav").kind == kind


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0])
def test_a_recording_written_to_a_pipe_is_fine(size: int) -> None:
    """Writers that cannot go back leave the length at its largest value or at zero."""
    assert probed(made.wav_header(size, rate=16_000) + bytes(32_000)).kind == "audio"


def test_a_length_beyond_the_limit_is_refused() -> None:
    """The limit is the operator's."""
    error = refused(made.mp3(made.tone(3.0)), limits=Limits(max_duration_s=2.0))
    assert error.kind == "too_long"


def test_a_file_beyond_the_limit_is_refused_unread() -> None:
    """The limit is the operator's."""
    assert refused(b"x" * 100, limits=Limits(max_bytes=99)).kind == "too_large"


def test_subtitles_alone_are_neither_sound_nor_film() -> None:
    """A container may hold neither."""
    data = made.matroska_with_streams(1).replace(
        b"\x83\x81\x02\x86\x8fA_PCM/INT/LIT\0\0", b"\x83\x81\x11\x86\x8fS_TEXT/UTF8\0\0\0\0"
    )
    assert refused(data).kind == "no_stream"


def test_a_codec_outside_the_list_is_refused() -> None:
    """Most decoders of the library are rarely used and rarely tested."""
    data = made.film([made.scene(1)] * 3, form="matroska", codec="ffv1")
    error = refused(data, "film.mkv")
    assert error.kind == "unsupported"
    assert "ffv1" in error.message


def test_invalid_text_in_tags_does_no_harm() -> None:
    """Titles of strangers are bytes, not UTF-8."""
    data = made.mp3(made.tone(0.5))
    tag = b"TIT2\x00\x00\x00\x05\x00\x00\x03\xff\xfe\xfd\xfc"
    assert probed(b"ID3\x03\x00\x00\x00\x00\x00" + bytes([len(tag)]) + tag + data).kind == "audio"
