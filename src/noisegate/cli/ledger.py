"""`noisegate ledger verify`: walk the whole chain."""

import re

from rich.console import Console

from noisegate.adapters.store.records import ChainHead
from noisegate.adapters.store.store import Store
from noisegate.cli.output import write_json
from noisegate.core.errors import InvalidInputError
from noisegate.embedded import database
from noisegate.settings import Settings

_HEAD = re.compile(r"(\d+):([0-9a-f]{64})")


def verify(known: str | None, *, json: bool) -> None:
    """Check every row, and that the head `known` of an earlier walk is still in the chain; print the head of this one."""
    earlier = None if known is None else _head(known)
    with database(Settings()) as url, Store(url, size=1) as store:
        head = store.ledger.verify(earlier)
    if json:
        write_json({"rows": head.seq, "head": f"{head.seq}:{head.hash}", "holds": True})
        return
    console = Console(highlight=False)
    console.print(f"the ledger holds: {head.seq} rows, none changed, none missing in between")
    console.print(f"head {head.seq}:{head.hash}", soft_wrap=True)
    if earlier is None:
        Console(stderr=True, highlight=False).print(
            "keep the head elsewhere; `noisegate ledger verify --head HEAD` then proves that nothing was cut off",
            style="dim",
        )


def _head(written: str) -> ChainHead:
    found = _HEAD.fullmatch(written.strip())
    if found is None:
        raise InvalidInputError(
            f"{written!r} is no head of a ledger", hint="it is `NUMBER:64 hexadecimal digits`, as `verify` prints it"
        )
    return ChainHead(seq=int(found[1]), hash=found[2])
