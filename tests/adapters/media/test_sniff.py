import io
import zipfile

import made_media as made
import pytest

from noisegate.adapters.media.sniff import FAMILIES, KINDS, declared, sniff


def family(data: bytes) -> str:
    return sniff(io.BytesIO(data)).name


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("song.mp3", b"x" * 100)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (made.mp3(made.tone(0.5)), "mp3"),
        (b"\0" * 500 + made.mp3(made.tone(0.5)), "mp3"),  # padding before the first frame
        (made.encoded(made.tone(0.5), "aac", "adts"), "aac"),
        (made.encoded(made.tone(0.5), "flac", "flac"), "flac"),
        (made.encoded(made.tone(0.5, rate=48_000), "libopus", "ogg", rate=48_000), "ogg"),
        (made.encoded(made.tone(0.5), "pcm_s16be", "aiff"), "aiff"),
        (made.wav(made.tone(0.5)), "wav"),
        (made.m4a(made.tone(0.5)), "mp4"),
        (made.film([made.scene(1)] * 3, form="matroska"), "matroska"),
        (made.film([made.scene(1)] * 3, form="avi", codec="mpeg4"), "avi"),
        (made.film([made.scene(1)] * 3, form="mpegts"), "mpegts"),
        (made.film([made.scene(1)] * 3, form="flv"), "flv"),
        (made.saved(made.scene(1), "PNG"), "png"),
        (made.saved(made.scene(1), "JPEG"), "jpeg"),
        (made.saved(made.scene(1), "GIF"), "gif"),
        (made.saved(made.scene(1), "WEBP"), "webp"),
        (made.saved(made.scene(1), "BMP"), "bmp"),
        (made.saved(made.scene(1), "TIFF"), "tiff"),
        (made.saved(made.scene(1), "AVIF"), "avif"),
        (zipped(), "zip"),
        (b"\x1f\x8b\x08" + bytes(30), "gzip"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(30), "7z"),
        (b"Rar!\x1a\x07\x00" + bytes(30), "rar"),
        (bytes(257) + b"ustar\x0000" + bytes(248), "tar"),
        (b"MZ" + bytes(range(200)), "windows-executable"),
        (b"\x7fELF" + bytes(100), "elf-executable"),
        (b"%PDF-1.7\n" + bytes(100), "pdf"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "svg"),
        (b"  <!-- drawn -->\n<svg/>", "svg"),
        (b"<!DOCTYPE html><script>1</script>", "html"),
        (b"#!/bin/sh\necho hello", "script"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd", "playlist"),
        (b"ffconcat version 1.0\nfile x.mp3", "playlist"),
        ("Zeile für Zeile ein Lied\n".encode(), "text"),
        ("line by line".encode("utf-16"), "text"),
        (b"MZ is how the lyrics begin", "text"),
        (b"GIF89a/* letters only */", "text"),
        (bytes(1000), "unknown"),
        (bytes([0x80, 0xFF, 0x01] * 400), "unknown"),
    ],
)
def test_a_file_is_what_its_first_bytes_say(data: bytes, name: str) -> None:
    """Names and guesses play no part."""
    assert family(data) == name


def test_what_hides_behind_a_tag_of_a_recording_is_found() -> None:
    """ID3 tags stand before any content; the content decides."""
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
    assert family(tag + made.mp3(made.tone(0.5))) == "mp3"
    assert family(tag + b"MZ" + bytes(200)) == "windows-executable"
    assert family(tag + b"<html>") == "unknown"
    assert family(tag) == "mp3"


def test_two_bytes_of_sync_do_not_make_a_recording() -> None:
    """Chance gives a sync word in every 2 kB of noise; frames must follow one another."""
    noise = made.np.random.default_rng(1).integers(0, 256, 60_000).astype("uint8").tobytes()
    assert family(noise) == "unknown"


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("song.mp3", {"audio"}),
        ("Song.MP3\n", {"audio"}),
        ("../../etc/cover.JPG", {"image"}),
        ("film.mp4", {"audio", "video"}),
        ("song.m4a", {"audio"}),
        ("lyrics.txt", {"text"}),
        ("songs.zip", {"archive"}),
        ("no extension", set(KINDS)),
        ("odd.extension", set(KINDS)),
        ("", set(KINDS)),
        (None, set(KINDS)),
    ],
)
def test_a_name_promises_by_its_extension_alone(name: str | None, kinds: set[str]) -> None:
    """Case, spaces and folders in a name mean nothing; an unknown extension promises nothing."""
    assert declared(name)[2] == kinds


def test_no_extension_belongs_to_two_families() -> None:
    """Otherwise what a name promises would depend on the order of a list."""
    extensions = [extension for family in FAMILIES.values() for extension in family.extensions]
    assert len(extensions) == len(set(extensions))
