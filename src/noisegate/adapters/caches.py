"""Results kept in memory: for one scan, and for verdicts on things seen a moment ago."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from noisegate.core.ids import Digest, Fingerprint
from noisegate.core.modality import Part
from noisegate.core.signal import Parts, Result
from noisegate.engine.codec import result_from_json, result_to_json

Key = tuple[Digest, Fingerprint]


class MemoryCache:
    """A `core.ports.ResultCache` that forgets what was used longest ago."""

    def __init__(self, capacity: int = 10_000) -> None:
        """Keep at most `capacity` results."""
        self._capacity = capacity
        self._results: OrderedDict[Key, Result | dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, wanted: Sequence[Key], parts: Mapping[Digest, Part]) -> Mapping[Key, Result]:
        """See the port."""
        with self._lock:
            found = {key: self._results[key] for key in wanted if key in self._results}
            for key in found:
                self._results.move_to_end(key)
        return {
            key: result_from_json(stored, parts[key[0]]) if isinstance(stored, dict) else stored
            for key, stored in found.items()
        }

    def put(self, results: Mapping[Key, Result]) -> None:
        """See the port."""
        with self._lock:
            for key, result in results.items():
                # Parts hold handles on files that go with their item: keep what can be restored on another one's.
                self._results[key] = result_to_json(result) if isinstance(result, Parts) else result
                self._results.move_to_end(key)
            while len(self._results) > self._capacity:
                self._results.popitem(last=False)
