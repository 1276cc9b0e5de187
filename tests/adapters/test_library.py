import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from noisegate.adapters import library as module
from noisegate.adapters.library import MediaLibrary
from noisegate.adapters.media.guard import MediaGuard
from noisegate.adapters.prober import MediaProber
from noisegate.core.errors import MediaError, UnavailableError
from noisegate.core.ids import Digest, ItemId
from noisegate.core.item import Asset, Item, ItemKind
from noisegate.core.modality import SAMPLE_RATE, Audio, Image, Modality, Role, Text, Video

UPLOADS = Path(__file__).parents[2] / "examples" / "uploads"
RATE = 16_000


class Counting(MediaGuard):
    """A real decoder that counts what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def image(self, path: Any, max_side: int = 2048) -> Any:
        self.asked.append("image")
        return super().image(path, max_side)

    def pcm(self, path: Any, out_path: Any) -> Any:
        self.asked.append("pcm")
        return super().pcm(path, out_path)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Counting]:
    with Counting() as media:
        yield media


@pytest.fixture
def media(decoder: Counting) -> Counting:
    decoder.asked.clear()
    return decoder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


Opened = Callable[..., Any]


@pytest.fixture
def opened(media: Counting, scratch: Path) -> Opened:
    """The parts of an item made of these files, open while the context is."""

    def parts(*files: Path, **texts: str) -> Any:
        prober = MediaProber(media)
        assets = tuple(
            replace(prober.asset(str(path), name=path.name, role=None), name=f"{n} {path.name}")
            for n, path in enumerate(files)
        )
        paths: dict[Digest, str] = {asset.digest: str(path) for asset, path in zip(assets, files, strict=True)}
        written = {Role(role): text for role, text in texts.items()}
        item = Item(id=ItemId("itm_1"), kind=ItemKind.TRACK, texts=written, assets=assets)
        return MediaLibrary(media, lambda digest: nullcontext(paths[digest]), scratch=scratch).parts(item)

    return parts


def recording(path: Path, seconds: float = 1.0, *, claims: float | None = None) -> Path:
    """A WAV whose second half is loud; its header may claim another length."""
    samples = np.zeros(round(RATE * seconds), "<i2")
    samples[len(samples) // 2 :: 40] = 20_000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    if claims is not None:
        data = bytearray(path.read_bytes())
        data[40:44] = round(2 * RATE * claims).to_bytes(4, "little")
        path.write_bytes(data)
    return path


def picture(path: Path, colour: str = "red", size: tuple[int, int] = (40, 30)) -> Path:
    Picture.new("RGB", size, colour).save(path)
    return path


def test_texts_and_files_become_parts_with_their_roles(opened: Opened, tmp_path: Path) -> None:
    """Blank texts are none; what the submitter gave no role gets the one its content suggests."""
    (tmp_path / "song.txt").write_text("la la la, the trains are late", "utf-8")
    files = [picture(tmp_path / "a.png"), recording(tmp_path / "b.wav"), tmp_path / "song.txt"]
    with opened(*files, title="A song", description=" ") as parts:
        assert [(part.id, part.role) for part in parts] == [
            ("title", Role.TITLE),
            ("0 a.png", Role.PICTURE),
            ("1 b.wav", Role.RECORDING),
            ("2 song.txt", Role.LYRICS),
        ]
        title, image, audio, words = parts
        assert isinstance(title, Text)
        assert isinstance(image, Image)
        assert isinstance(audio, Audio)
        assert isinstance(words, Text)
        assert image.pixels()[0, 0].tolist() == [255, 0, 0]
        assert (audio.duration_s, len(audio.samples(0.25, 0.5))) == (1.0, SAMPLE_RATE // 4)
        assert words.text == "la la la, the trains are late"


def test_a_film_has_pictures_and_sound(opened: Opened) -> None:
    """Frames in order of time, each a picture of its own, and a soundtrack."""
    with opened(UPLOADS / "06-abusive-film" / "film.mp4") as (film,):
        assert isinstance(film, Video)
        frames = film.content.frames(per_minute=12, at_most=5)
        assert [frame.start_s for frame in frames] == sorted(frame.start_s for frame in frames)
        assert frames[0].content.pixels().shape == (frames[0].height, frames[0].width, 3)
        sound = film.content.soundtrack()
        assert sound is not None
        assert sound.duration_s == pytest.approx(film.duration_s, abs=1.0)


def test_what_several_signals_look_at_is_decoded_once(opened: Opened, media: Counting, tmp_path: Path) -> None:
    """Also when they ask at the same moment."""
    with opened(picture(tmp_path / "a.png"), recording(tmp_path / "b.wav")) as (image, audio):
        threads = [
            threading.Thread(target=look)
            for look in (image.pixels, audio.samples, audio.content.loudness)
            for _ in "12"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(media.asked) == ["image", "pcm"]


def test_what_cannot_be_decoded_is_tried_once(opened: Opened, media: Counting, tmp_path: Path) -> None:
    """Four signals do not wait four times for a decoder to run out of time."""
    noise = Picture.effect_noise((200, 200), 90)
    noise.save(tmp_path / "whole.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "whole.png").read_bytes()[:20_000])
    with opened(tmp_path / "a.png") as (image,):
        errors = []
        for _ in range(3):
            with pytest.raises(MediaError) as caught:
                image.pixels()
            errors.append(caught.value)
    assert media.asked == ["image"]
    assert {(error.kind, error.message) for error in errors} == {("truncated", errors[0].message)}
    assert len({id(error) for error in errors}) == 3


def test_a_films_pictures_do_not_fill_the_memory(
    opened: Opened, media: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those looked at last are kept, the others are decoded again when somebody asks."""
    monkeypatch.setattr(module, "PICTURES_BYTES", 2 * 40 * 30 * 3)
    names = [picture(tmp_path / f"{colour}.png", colour) for colour in ("red", "green", "blue")]
    with opened(*names) as (red, green, blue):
        for part in (red, red, green, red, blue, red):
            part.pixels()
        assert len(media.asked) == 3
        green.pixels()
        assert len(media.asked) == 4


@pytest.mark.parametrize("claims", [0.1, 60.0])
def test_a_recording_is_as_long_as_it_sounds_whatever_its_header_claims(
    opened: Opened, tmp_path: Path, claims: float
) -> None:
    """A header that claims less must not keep the rest from being heard, as far as players would play it."""
    with opened(recording(tmp_path / "a.wav", 10.0, claims=claims)) as (audio,):
        heard = audio.content.duration_s
        assert heard == pytest.approx(min(claims, 10.0), abs=0.1)
        damage = audio.content.damage()
        assert (damage is None) == (claims < 10.0)
        if damage is not None:
            assert damage.kind == "truncated"
            assert "after 10.0 seconds" in damage.message


def test_a_file_with_a_problem_is_no_part(media: Counting, scratch: Path) -> None:
    """Nobody opens it; its failure is on record already."""
    broken = Asset(digest=Digest("sha256:x"), name="a.png", size=0, modality=Modality.IMAGE, problem="too_large")
    item = Item(id=ItemId("itm_1"), kind=ItemKind.TRACK, assets=(broken,))

    def never(digest: Digest) -> Any:
        raise AssertionError(digest)

    with MediaLibrary(media, never, scratch=scratch).parts(item) as parts:
        assert parts == []


def test_a_text_that_went_away_can_be_tried_again(opened: Opened, tmp_path: Path) -> None:
    """It was probed a moment ago: this is not the submitter's fault."""
    path = tmp_path / "song.txt"
    path.write_text("la la la, the trains are late", "utf-8")
    item = opened(path)
    path.unlink()
    with pytest.raises(UnavailableError, match="not what it was a moment ago"), item:
        pass


def test_the_same_file_twice_does_not_get_in_its_own_way(opened: Opened, tmp_path: Path) -> None:
    """Each has a folder of its own to be decoded into."""
    path = recording(tmp_path / "a.wav")
    with opened(path, path) as (first, second):
        assert len(first.samples()) == len(second.samples()) == SAMPLE_RATE


def test_the_scratch_folder_goes_whatever_happens(opened: Opened, scratch: Path, tmp_path: Path) -> None:
    """Also when the person who waits has had enough."""

    def fail() -> None:
        with opened(recording(tmp_path / "a.wav")) as (audio,):
            audio.samples()
            assert list(scratch.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(scratch.iterdir()) == []
