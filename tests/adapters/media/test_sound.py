import io

import made_media as made
import numpy as np
import pytest
from numpy.typing import NDArray

from noisegate.adapters.media.answers import PcmInfo
from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.sound import pcm
from noisegate.core.errors import MediaError


def decoded(data: bytes, limits: Limits | None = None) -> tuple[PcmInfo, NDArray[np.int16]]:
    out = io.BytesIO()
    info = pcm(io.BytesIO(data), len(data), out, limits or Limits())
    return info, np.frombuffer(out.getvalue(), "<i2")


def refused(data: bytes, limits: Limits | None = None) -> MediaError:
    with pytest.raises(MediaError) as caught:
        decoded(data, limits)
    return caught.value


def pitch(samples: NDArray[np.int16]) -> float:
    """The loudest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * 16_000 / len(samples))


@pytest.mark.parametrize(
    "data",
    [
        made.wav(made.tone(2.0)),
        made.mp3(made.tone(2.0)),
        made.m4a(made.tone(2.0)),
        made.encoded(made.tone(2.0), "flac", "flac"),
        made.encoded(made.tone(2.0), "alac", "mp4"),
        made.encoded(made.tone(2.0, rate=48_000), "libopus", "ogg", rate=48_000),
        made.encoded(made.tone(2.0), "aac", "adts"),
        made.encoded(made.tone(2.0), "pcm_s16be", "aiff"),
        made.encoded(made.tone(2.0), "mp2", "mpegts"),
        made.film([made.scene(1)] * 16, sound=made.tone(2.0)),
        made.film([made.scene(1)] * 16, sound=made.tone(2.0), form="matroska"),
        made.wav(made.tone(2.0, rate=8_000), rate=8_000),
        made.wav(np.stack([made.tone(2.0)] * 6, axis=1)),
        made.wav(made.tone(2.0), form=3),
        made.wav((made.tone(2.0) * 127 + 128).astype("uint8")),
    ],
    ids=lambda data: data[:12].hex(),
)
def test_the_sound_of_any_file_becomes_16_khz_mono(data: bytes) -> None:
    """Same length, same pitch, about the same level."""
    info, samples = decoded(data)
    assert info.duration_s == pytest.approx(2.0, abs=0.1)
    assert (info.samples, info.sample_rate) == (len(samples), 16_000)
    assert pitch(samples) == pytest.approx(440, abs=2)
    assert np.sqrt(np.mean((samples / 32_768.0) ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.2)
    assert (info.damaged_packets, info.truncated, info.antiphase_share) == (0, False, 0.0)


def test_loudness_follows_the_standard() -> None:
    """EBU Tech 3341, case 1: a stereo sine of 1000 Hz at -23 dBFS reads -23 LUFS, 0 LU; its true peak is its level."""
    sine = made.tone(20.0, hertz=1000, level=10 ** (-23 / 20), rate=48_000)
    loud = decoded(made.wav(np.stack([sine, sine], axis=1), rate=48_000))[0].loudness
    assert loud.integrated_lufs == pytest.approx(-23.0, abs=0.1)
    assert loud.range_lu == pytest.approx(0.0, abs=0.1)
    assert loud.true_peak_dbtp == pytest.approx(-23.0, abs=0.3)


def test_loudness_ignores_silence_between_words() -> None:
    """EBU Tech 3341, case 3: the gate leaves out what is far below the rest."""
    loud, soft = (made.tone(s, hertz=1000, level=10 ** (d / 20), rate=48_000) for s, d in ((60.0, -23), (10.0, -36)))
    sound = np.concatenate([soft, loud, soft])
    measured = decoded(made.wav(np.stack([sound, sound], axis=1), rate=48_000))[0].loudness
    assert measured.integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_a_true_peak_between_samples_is_found() -> None:
    """EBU Tech 3341, case 16: a quarter of the sampling rate, 45 degrees out of phase with it: samples reach -9 dBFS."""
    at = np.arange(48_000)
    fade = np.minimum(1, np.minimum(at, at[::-1]) / 4_800)
    sine = (0.5 * fade * np.sin(np.pi / 2 * at + np.pi / 4)).astype(np.float32)
    peak = decoded(made.wav(np.stack([sine, sine], axis=1), rate=48_000))[0].loudness.true_peak_dbtp
    assert peak == pytest.approx(-6.0, abs=0.4)


def test_silence_has_no_loudness() -> None:
    """Nothing passes the gate: not enough data, and not a very low number."""
    loud = decoded(made.wav(np.zeros(44_100, np.float32)))[0].loudness
    assert (loud.integrated_lufs, loud.range_lu, loud.true_peak_dbtp) == (None, None, None)
    assert (loud.silent_share, loud.clipped_share) == (1.0, 0.0)


def test_clipping_and_silence_are_shares() -> None:
    """Half of the time silent, half of it at full scale."""
    sound = np.concatenate([np.zeros(44_100, np.float32), np.sign(made.tone(1.0))])
    loud = decoded(made.wav(sound))[0].loudness
    assert loud.silent_share == pytest.approx(0.5, abs=0.06)
    assert loud.clipped_share == pytest.approx(0.5, abs=0.06)


def test_a_sound_shorter_than_a_block_is_decoded_and_has_no_loudness() -> None:
    """A thousand samples are a sound."""
    info, samples = decoded(made.wav(made.tone(0.02)))
    assert (len(samples), info.loudness.integrated_lufs) == (pytest.approx(320, abs=20), None)


def test_channels_that_cancel_out_are_still_heard() -> None:
    """Left minus right would be silence for the models and speech for everyone else."""
    sine = made.tone(2.0)
    info, samples = decoded(made.wav(np.stack([sine, -sine], axis=1)))
    assert info.antiphase_share == pytest.approx(1.0)
    assert pitch(samples) == pytest.approx(440, abs=2)


def test_numbers_that_are_none_do_not_silence_a_recording() -> None:
    """One NaN in a filter makes everything after it NaN; players skip it."""
    sound = made.tone(2.0)
    sound[::1000] = np.nan
    info, samples = decoded(made.wav(sound, form=3))
    assert pitch(samples) == pytest.approx(440, abs=2)
    assert info.damaged_packets > 0
    assert info.loudness.integrated_lufs is not None


def test_a_recording_that_changes_rate_and_channels_midway_is_one_recording() -> None:
    """Concatenated files are common in podcasts."""
    first = made.encoded(made.tone(1.0), "aac", "adts")
    stereo = made.tone(1.0, rate=22_050)
    second = made.encoded(np.stack([stereo, stereo], axis=1), "aac", "adts", rate=22_050)
    info, samples = decoded(first + second)
    assert info.duration_s == pytest.approx(2.0, abs=0.2)
    assert pitch(samples[-14_000:-2_000]) == pytest.approx(440, abs=2)


def test_a_hole_in_the_clock_becomes_silence() -> None:
    """What is found at second 5 of the sound must be at second 5 of the file."""
    data = film_with_late_sound(2.0)
    info, samples = decoded(data)
    assert info.padded_s == pytest.approx(2.0, abs=0.2)
    assert not samples[: 16_000 * 3 // 2].any()
    assert samples[16_000 * 5 // 2 :].any()


def test_a_broken_clock_is_closed() -> None:
    """A jump of an hour is not an hour of silence on our disk."""
    info, _ = decoded(film_with_late_sound(3600.0))
    assert info.duration_s < 5


def film_with_late_sound(start_s: float) -> bytes:
    """A film whose sound begins later than its pictures."""
    from fractions import Fraction

    import av

    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        video = container.add_stream("libx264", rate=8)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in range(24):
            frame = av.VideoFrame.from_image(made.scene(1))
            frame.pts, frame.time_base = number, Fraction(1, 8)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = np.round(made.tone(1.0, rate=16_000) * 32_767).astype("int16").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, round(start_s * 16_000), Fraction(1, 16_000)
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        made.mp3(made.tone(20.0)),
        made.wav(made.tone(20.0)),
        made.encoded(made.tone(20.0) + made.tone(20.0, hertz=1000), "flac", "flac"),
        made.m4a(made.tone(20.0), faststart=True),
    ],
    ids=["mp3", "wav", "flac", "m4a"],
)
def test_half_a_recording_gives_what_there_is_and_says_so(data: bytes) -> None:
    """Headers that claim more than there is mean a broken upload."""
    info, samples = decoded(data[: len(data) // 2])
    assert info.truncated
    assert 6 < info.duration_s < 14
    assert samples.any()


def test_damaged_packets_are_skipped_and_counted() -> None:
    """A scratch in a recording does not lose the rest."""
    data = made.damaged(
        made.encoded(made.tone(10.0), "aac", "adts"),
        lambda size: [(at, b"\xa5" * 40) for at in range(size // 4, size // 2, 900)],
    )
    info, samples = decoded(data)
    assert 0 < info.damaged_packets < info.packets / 2
    assert pitch(samples[-30_000:-5_000]) == pytest.approx(440, abs=2)


def test_the_sound_of_a_film_cut_short_says_so() -> None:
    """Matroska keeps a stream's length among its tags: the container's may be that of the picture."""
    whole = made.film([made.scene(1)] * 80, sound=made.tone(10.0), form="matroska")
    assert not decoded(whole)[0].truncated
    assert decoded(whole[: len(whole) * 6 // 10])[0].truncated


def test_more_damage_than_allowed_is_a_failure() -> None:
    """What is left is not what would be heard."""
    data = made.m4a(made.tone(60.0), faststart=True)
    start = data.index(b"mdat") + 4
    noise = np.random.default_rng(1).integers(0, 256, len(data)).astype("uint8").tobytes()
    error = refused(data[:start] + noise[: len(data) - start])
    assert error.kind == "decode_failed"
    assert "50%" in error.message


def test_nothing_but_headers_is_empty() -> None:
    """A WAV of no samples."""
    assert refused(made.wav(np.zeros(0, np.float32))).kind == "empty"


def test_a_silent_film_has_no_sound() -> None:
    """The kind tells it from a failure."""
    assert refused(made.film([made.scene(1)] * 3)).kind == "no_stream"


def test_sound_that_does_not_end_is_stopped() -> None:
    """Whatever the header says, writing stops at the limit."""
    assert refused(made.wav(made.tone(5.0)), Limits(max_duration_s=2.0)).kind == "too_long"


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04" + bytes(99), made.saved(made.scene(1), "PNG"), b"words", b"<svg/>", bytes(99)]
)
def test_what_is_no_sound_is_unsupported(data: bytes) -> None:
    """The message lists what is."""
    error = refused(data)
    assert error.kind == "unsupported"
    assert "mp3" in error.message


def test_channels_without_a_name_are_unsupported() -> None:
    """Eleven channels could be anything; a wrong mix would hide some of them."""
    assert refused(made.wav(np.stack([made.tone(0.5)] * 11, axis=1))).kind == "unsupported"
