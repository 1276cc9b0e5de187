import zipfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from PIL import Image

from noisegate.core.item import ItemKind
from noisegate.core.modality import Role

UPLOADS = Path(__file__).parents[2] / "examples" / "uploads"
FOLDERS = sorted(path for path in UPLOADS.iterdir() if path.is_dir())
KEYS = {"kind", "title", "description", "creator", "markets", "surface", "declared", "assets", "made"}
ACTIONS = ("allow", "label", "age_gate", "limit", "review", "block")
MISLABELLED = "08-not-what-it-says"

each_upload = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def item_of(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "item.yaml").read_text(encoding="utf-8"))


def files_of(*roles: str) -> list[Any]:
    return [
        pytest.param(folder / asset["file"], id=f"{folder.name}/{asset['file']}")
        for folder in FOLDERS
        for asset in item_of(folder)["assets"]
        if asset["role"] in roles and (folder.name, asset["role"]) != (MISLABELLED, "recording")
    ]


def samples_of(path: Path) -> tuple[np.ndarray, int]:
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    channels = [frame.to_ndarray().reshape(-1) for frame in frames]
    return np.concatenate(channels).astype(np.float64), frames[0].sample_rate


@each_upload
def test_every_upload_is_described_in_the_nouns_of_the_core(folder: Path) -> None:
    """Each folder's `item.yaml` has exactly the known keys, and kinds, roles, markets and actions that exist."""
    item = item_of(folder)
    assert set(item) == KEYS
    assert item["kind"] in set(ItemKind)
    assert all(isinstance(item[key], str) and item[key] for key in ("title", "description", "creator", "surface"))
    assert all(len(market) == 2 and market.isalpha() and market.isupper() for market in item["markets"])
    assert isinstance(item["declared"]["explicit"], bool)
    assert item["declared"]["language"] in {"en", "de"}
    assert all(set(asset) == {"file", "role"} and asset["role"] in set(Role) for asset in item["assets"])
    expect = item["made"]["expect"]
    assert ACTIONS.index(expect["at_least"]) <= ACTIONS.index(expect["action"])


@each_upload
def test_a_folder_holds_its_files_and_no_others(folder: Path) -> None:
    """What `item.yaml` names is there, and nothing else is."""
    named = {asset["file"] for asset in item_of(folder)["assets"]}
    assert {path.name for path in folder.iterdir()} == named | {"item.yaml"}


def test_the_uploads_stay_small() -> None:
    """A clone carries under 6 MB of media, and no upload more than half a megabyte."""
    sizes = {folder.name: sum(path.stat().st_size for path in folder.iterdir()) for folder in FOLDERS}
    spoken = UPLOADS.parent / "uploads_maker" / "spoken"
    assert max(sizes.values()) < 500_000
    assert sum(sizes.values()) + sum(path.stat().st_size for path in spoken.iterdir()) < 6_000_000


def test_the_uploads_cover_clean_and_harmful_in_every_modality() -> None:
    """Sound, text, picture and film each have a harm; every strictness a demo shows is expected somewhere."""
    items = [item_of(folder) for folder in FOLDERS]
    found = [evidence["role"] for item in items for evidence in item["made"]["expect"].get("evidence", [])]
    assert set(found) == {"transcript", "description", "ocr"}
    assert {item["made"]["expect"]["action"] for item in items} == {"allow", "label", "review", "block"}
    assert {item["kind"] for item in items} >= {"track", "episode", "chapter", "video"}


@pytest.mark.parametrize("path", files_of("recording"))
def test_a_recording_decodes_to_the_length_it_is_said_to_have(path: Path) -> None:
    """Recordings are mono, 15 to 60 seconds, not silent, and as long as `made.seconds`."""
    samples, rate = samples_of(path)
    assert 15 < samples.size / rate < 60
    assert samples.size / rate == pytest.approx(item_of(path.parent)["made"]["seconds"], abs=0.1)
    assert np.abs(samples).max() > 0


@pytest.mark.parametrize("path", files_of("cover"))
def test_a_cover_is_a_square_picture_of_the_kind_its_name_says(path: Path) -> None:
    """Covers are 600 by 600 JPEG or PNG files that load whole."""
    with Image.open(path) as picture:
        picture.load()
        assert picture.size == (600, 600)
        assert picture.format == {".jpg": "JPEG", ".png": "PNG"}[path.suffix]


@pytest.mark.parametrize("path", files_of("film"))
def test_a_film_decodes_to_pictures_and_sound_of_one_length(path: Path) -> None:
    """Films are H.264 with AAC in MP4 or VP9 with Opus in WebM, 20 to 30 seconds, every frame readable."""
    with av.open(str(path)) as container:
        codecs = (container.streams.video[0].codec_context.name, container.streams.audio[0].codec_context.name)
        frames = [(frame.time, frame.width, frame.height) for frame in container.decode(video=0)]
    samples, rate = samples_of(path)
    assert codecs == {".mp4": ("h264", "aac"), ".webm": ("vp9", "opus")}[path.suffix]
    assert {size[1:] for size in frames} == {(480, 270)}
    assert 20 < frames[-1][0] < 30
    assert samples.size / rate == pytest.approx(frames[-1][0], abs=0.2)


def test_the_mislabelled_file_is_an_archive_that_no_decoder_opens() -> None:
    """`audio.mp3` of the mislabelled upload is a ZIP archive, while its cover is what it says."""
    path = UPLOADS / MISLABELLED / "audio.mp3"
    assert zipfile.is_zipfile(path)
    with pytest.raises(av.error.InvalidDataError):
        av.open(str(path))


def test_the_threat_begins_at_the_second_that_is_written_down() -> None:
    """At `at_s` a pause ends and a voice begins: quiet just before, loud just after."""
    folder = UPLOADS / "03-spoken-threat"
    samples, rate = samples_of(folder / "audio.mp3")
    at = round(item_of(folder)["made"]["expect"]["at_s"] * rate)
    before, after = (np.sqrt(np.mean(cut**2)) for cut in (samples[at - rate // 3 : at], samples[at : at + rate // 3]))
    assert before < 0.05 * after


def test_the_placard_stands_in_the_film_when_and_where_it_is_said_to() -> None:
    """Within the written seconds the film shows dark frames with white words in the box; just outside it does not."""
    folder = UPLOADS / "06-abusive-film"
    place = next(found for found in item_of(folder)["made"]["expect"]["evidence"] if found["role"] == "ocr")
    with av.open(str(folder / "film.mp4")) as container:
        frames = [(frame.time, frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    dark = [time for time, picture in frames if np.median(picture) < 60]
    assert dark[0] == pytest.approx(place["start_s"], abs=0.1)
    assert dark[-1] == pytest.approx(place["end_s"], abs=0.1)
    white = next(picture for time, picture in frames if time == dark[5]) > 200
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    assert columns[0] / 480 == pytest.approx(place["box"]["x"], abs=0.02)
    assert rows[0] / 270 == pytest.approx(place["box"]["y"], abs=0.03)
    assert columns[-1] / 480 == pytest.approx(place["box"]["x"] + place["box"]["width"], abs=0.02)
    assert rows[-1] / 270 == pytest.approx(place["box"]["y"] + place["box"]["height"], abs=0.03)


@each_upload
def test_what_is_expected_can_be_found_where_it_is_expected(folder: Path) -> None:
    """Spans cut the quoted words from the description; seconds lie within the media; boxes lie within the picture."""
    item = item_of(folder)
    for found in item["made"]["expect"].get("evidence", []):
        assert "asset" not in found or (folder / found["asset"]).is_file()
        if "span" in found:
            start, end = found["span"]
            assert item["description"][start:end] == found["words"]
        if "start_s" in found:
            assert 0 < found["start_s"] < found["end_s"] <= item["made"]["seconds"]
        if "box" in found:
            box = found["box"]
            assert min(box.values()) > 0
            assert max(box["x"] + box["width"], box["y"] + box["height"]) < 1


def test_the_readme_lists_every_upload_and_its_seconds() -> None:
    """The table beside the uploads is the one that belongs to them."""
    text = (UPLOADS / "README.md").read_text(encoding="utf-8")
    for folder in FOLDERS:
        assert f"`{folder.name}`" in text
        expect = item_of(folder)["made"]["expect"]
        assert "at_s" not in expect or f"{expect['at_s']:.1f} to" in text
