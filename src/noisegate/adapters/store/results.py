"""Results kept in PostgreSQL: what was computed on what, for every worker, also after a crash.

The second implementation of `core.ports.ResultCache`; the other one lives in memory.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from noisegate.adapters.store.documents import written
from noisegate.adapters.store.queries import Queries
from noisegate.core.ids import Digest, Fingerprint
from noisegate.core.modality import Part
from noisegate.core.signal import Result
from noisegate.engine.codec import result_from_json, result_to_json, storable

if TYPE_CHECKING:
    from noisegate.adapters.store.pool import Pool

_SQL = Queries("registry")

Key = tuple[Digest, Fingerprint]


class Results:
    """A `core.ports.ResultCache`."""

    def __init__(self, pool: "Pool") -> None:
        """Keep them through `pool`."""
        self._pool = pool

    def get(self, wanted: Sequence[Key], parts: Mapping[Digest, Part]) -> Mapping[Key, Result]:
        """See the port."""
        if not wanted:
            return {}
        keys = {"digests": [digest for digest, _ in wanted], "fingerprints": [print_ for _, print_ in wanted]}
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["results"], keys).fetchall()
        return {
            (Digest(row["part_digest"]), Fingerprint(row["fingerprint"])): result_from_json(
                row["result"], parts[Digest(row["part_digest"])]
            )
            for row in rows
        }

    def put(self, results: Mapping[Key, Result]) -> None:
        """See the port. What lives in a scratch folder is left out."""
        rows = [
            {"part_digest": digest, "fingerprint": print_, "result": written(result_to_json(result))}
            for (digest, print_), result in sorted(results.items(), key=lambda entry: entry[0])
            if storable(result)
        ]
        if rows:
            with self._pool.connection() as connection, connection.cursor() as cursor:
                cursor.executemany(_SQL["insert_result"], rows)

    def prune(self, *, days: int) -> int:
        """Forget what is older than so many days; costs time when it is needed again. Returns how many went."""
        with self._pool.connection() as connection:
            return connection.execute(_SQL["prune_results"], {"days": days}).rowcount
