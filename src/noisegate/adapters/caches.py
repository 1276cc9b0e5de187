"""Results kept in memory: for one scan, and for verdicts on things seen a moment ago."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from noisegate.core.ids import Digest, Fingerprint
from noisegate.core.modality import Part
from noisegate.core.signal import Result

Key = tuple[Digest, Fingerprint]


class MemoryCache:
    """A `core.ports.ResultCache` that forgets what was used longest ago."""

    def __init__(self, capacity: int = 10_000) -> None:
        """Keep at most `capacity` results."""
        self._capacity = capacity
        self._results: OrderedDict[Key, Result] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, wanted: Sequence[Key], parts: Mapping[Digest, Part]) -> Mapping[Key, Result]:
        """See the port."""
        del parts  # results in memory still hold their content
        with self._lock:
            found = {key: self._results[key] for key in wanted if key in self._results}
            for key in found:
                self._results.move_to_end(key)
            return found

    def put(self, results: Mapping[Key, Result]) -> None:
        """See the port."""
        with self._lock:
            for key, result in results.items():
                self._results[key] = result
                self._results.move_to_end(key)
            while len(self._results) > self._capacity:
                self._results.popitem(last=False)
