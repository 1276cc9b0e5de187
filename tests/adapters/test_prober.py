import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from noisegate.adapters.media.guard import MediaGuard
from noisegate.adapters.prober import MAX_TEXT_BYTES, MediaProber, read_text
from noisegate.core.modality import Modality, Role

UPLOADS = Path(__file__).parents[2] / "examples" / "uploads"


@pytest.fixture(scope="module")
def prober() -> Iterator[MediaProber]:
    """Over a real decoder."""
    with MediaGuard() as media:
        yield MediaProber(media)


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def test_a_file_is_described_by_its_content(prober: MediaProber, tmp_path: Path) -> None:
    """Digest, size, what it is and how large."""
    Image.new("RGB", (40, 30)).save(tmp_path / "x", "PNG")
    asset = prober.asset(str(tmp_path / "x"), name="cover.png", role=Role.COVER)
    data = (tmp_path / "x").read_bytes()
    assert asset.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert (asset.name, asset.size, asset.role, asset.problem) == ("cover.png", len(data), Role.COVER, None)
    assert (asset.modality, asset.media_type, asset.width, asset.height) == (Modality.IMAGE, "image/png", 40, 30)


@pytest.mark.parametrize(
    ("upload", "file", "modality"),
    [
        ("03-spoken-threat", "audio.mp3", Modality.AUDIO),
        ("09-clean-film", "film.webm", Modality.VIDEO),
    ],
)
def test_sound_and_film_have_their_length(prober: MediaProber, upload: str, file: str, modality: Modality) -> None:
    """As the headers claim it."""
    asset = prober.asset(str(UPLOADS / upload / file), name=file, role=None)
    assert (asset.modality, asset.problem) == (modality, None)
    assert asset.duration_s
    assert asset.duration_s > 5


@pytest.mark.parametrize(
    ("name", "role", "data", "problem", "words"),
    [
        ("a.mp3", None, b"", "empty", "0 bytes"),
        ("a.png", None, b"hello there, this is text", "mislabelled", "the content is text"),
        (
            "a.txt",
            Role.RECORDING,
            b"hello there, this is text",
            "mislabelled",
            "given as recording, which must be audio",
        ),
        ("a.zip", None, b"PK\x03\x04" + bytes(60), "unsupported", "neither text, picture, sound nor film"),
        ("a.txt", Role.COMMENT, b"hello there " * 100_000, "too_large", f"at most {MAX_TEXT_BYTES:,} are read"),
        ("a.txt", Role.COMMENT, "Grüße an alle, die das lesen".encode("latin-1"), "decode_failed", "not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_file_is_its_problem(
    prober: MediaProber, tmp_path: Path, name: str, role: Role | None, data: bytes, problem: str, words: str
) -> None:
    """A kind for programs and a sentence for people; nothing is raised for what is in a file."""
    asset = prober.asset(written(tmp_path / "x", data), name=name, role=role)
    assert asset.problem == problem
    assert words in (asset.problem_message or "")


@pytest.mark.parametrize("role", [Role.DESCRIPTION, Role.COMMENT, Role.LYRICS])
def test_a_recording_is_no_text_whatever_it_is_given_as(prober: MediaProber, role: Role) -> None:
    """A role that no signal for sound looks at would hide what is said."""
    asset = prober.asset(str(UPLOADS / "03-spoken-threat" / "audio.mp3"), name="audio.mp3", role=role)
    assert asset.problem == "mislabelled"


def test_words_are_read_without_marks_that_are_no_words(tmp_path: Path) -> None:
    """A byte-order mark is none, and NUL cannot be kept."""
    written(tmp_path / "x", b"\xef\xbb\xbfa\x00b")
    assert read_text(tmp_path / "x") == "a\ufffdb"


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_a_picture_that_moves_is_not_taken_for_its_first_frame(prober: MediaProber, tmp_path: Path, form: str) -> None:
    """Ten milliseconds of white would hide whatever comes after them."""
    shown = [Image.new("RGB", (40, 30), colour) for colour in ("white", "red")]
    shown[0].save(tmp_path / "x", form, save_all=True, append_images=shown[1:], duration=[10, 5000])
    asset = prober.asset(str(tmp_path / "x"), name=f"cover.{form.lower()}", role=Role.COVER)
    assert (asset.problem, asset.role) == ("unsupported", Role.COVER)
    assert "moves" in (asset.problem_message or "")
    shown[0].save(tmp_path / "x", form)
    assert prober.asset(str(tmp_path / "x"), name=f"cover.{form.lower()}", role=Role.COVER).problem is None
