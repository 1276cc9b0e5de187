import numpy as np
import pytest

from noisegate.adapters.caches import MemoryCache
from noisegate.core.content import ArrayAudio
from noisegate.core.ids import Digest, Fingerprint
from noisegate.core.modality import Audio, Origin, Role, Text, Where
from noisegate.core.signal import Failure, Parts, Result, Scores

KEY = (Digest("sha256:part"), Fingerprint("print"))


def recording(length_s: float = 1.0) -> Audio:
    content = ArrayAudio(np.linspace(0, 1, round(16_000 * length_s), dtype=np.float32))
    return Audio(role=Role.RECORDING, digest=KEY[0], duration_s=length_s, content=content)


@pytest.mark.parametrize(
    "result",
    [
        Scores(values={"bad": 0.5}),
        Failure(kind="truncated", message="it ends too soon"),
        Parts(parts=(Text(role=Role.TRANSCRIPT, text="hello", language="en"),)),
        Parts(parts=(), lacking=Failure(kind="truncated", message="it ends too soon")),
    ],
)
def test_what_was_kept_comes_back(result: Result) -> None:
    """For the same content and the same computation."""
    cache = MemoryCache()
    cache.put({KEY: result})
    assert cache.get([KEY, (KEY[0], Fingerprint("other"))], {KEY[0]: recording()}) == {KEY: result}


def test_a_stretch_of_sound_comes_back_on_the_recording_that_is_open_now() -> None:
    """What it was cut from is on no disk any more."""
    old, now = recording(), recording()
    cut = Audio(
        role=Role.SPEECH, duration_s=0.5, content=old.content, origin=Origin(where=Where(start_s=0.25, end_s=0.75))
    )
    cache = MemoryCache()
    cache.put({KEY: Parts(parts=(cut,))})
    found = cache.get([KEY], {KEY[0]: now})[KEY]
    assert isinstance(found, Parts)
    (again,) = found.parts
    assert isinstance(again, Audio)
    assert again.content is now.content
    assert (again.start_s, again.duration_s, len(again.samples())) == (0.25, 0.5, 8000)


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    """A cache that only grows is a leak."""
    cache = MemoryCache(capacity=2)
    keys = [(Digest(f"sha256:{n}"), Fingerprint("print")) for n in range(3)]
    result = Scores(values={})
    cache.put({keys[0]: result, keys[1]: result})
    cache.get([keys[0]], {})
    cache.put({keys[2]: result})
    assert set(cache.get(keys, {})) == {keys[0], keys[2]}
