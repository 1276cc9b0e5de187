"""Every SQL statement the store runs, named, one file per room of the database.

A statement begins at a line `-- name: some_name`; the comment lines below it say what it is for. Parameters are
psycopg's: `%(name)s`, and `%%` for a percent sign.
"""

from importlib import resources
from typing import LiteralString

_NAME = "-- name: "


class Queries:
    """The statements of one file, by name; read when first asked for."""

    def __init__(self, room: str) -> None:
        """Name the file without its ending, for example `ledger`."""
        self._room = room
        self._statements: dict[str, LiteralString] = {}

    def __getitem__(self, name: str) -> LiteralString:
        """The statement called `name`. Raises KeyError."""
        if not self._statements:
            self._statements = _read(self._room)
        return self._statements[name]


def _read(room: str) -> dict[str, LiteralString]:
    text = (resources.files(__name__) / f"{room}.sql").read_text(encoding="utf-8")
    statements: dict[str, LiteralString] = {}
    for chunk in text.split(f"\n{_NAME}")[1:]:
        name, _, body = chunk.partition("\n")
        if name in statements:
            raise ValueError(f"`{room}.sql` has two statements called `{name}`")
        statements[name.strip()] = "\n".join(line for line in body.splitlines() if not line.startswith("--")).strip()
    return statements
