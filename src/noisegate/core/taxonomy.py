"""The tree of harms and topics: one node is a label, with its names in other vocabularies.

The default taxonomy's rows are in `taxonomy.csv`, beside this file; the definitions are our own.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from noisegate.core.errors import UnknownNameError


@dataclass(frozen=True, kw_only=True)
class Label:
    """One node of the taxonomy."""

    code: str
    """Dotted path: `dangerous.threat`."""
    reference: str
    """Number in the written policy: `D1.c`."""
    definition: str
    dsa: tuple[str, ...] = ()
    """`CATEGORY/KEYWORD` of the DSA Transparency Database, without the prefixes `STATEMENT_CATEGORY_` and `KEYWORD_`;
    the best fit first."""
    mlcommons: tuple[str, ...] = ()
    """MLCommons AILuminate hazards, `S1`..`S14`."""
    openai: tuple[str, ...] = ()
    """OpenAI moderation categories."""
    advisory: bool = False
    """True for what may be labelled but is no violation."""
    hash_only: bool = False
    """True where nothing but hash matching is allowed: no training, no generation, no examples."""

    @property
    def parent(self) -> str | None:
        """The code one level up; None at the top."""
        return self.code.rpartition(".")[0] or None


@dataclass(frozen=True, kw_only=True)
class Taxonomy:
    """A versioned tree of labels."""

    name: str
    version: int
    labels: Mapping[str, Label] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, version: int, labels: Iterable[Label]) -> "Taxonomy":
        """A taxonomy of these labels, by code."""
        return cls(name=name, version=version, labels={label.code: label for label in labels})

    def label(self, code: str) -> Label:
        """The label called `code`. Raises UnknownNameError with the nearest code."""
        if code not in self.labels:
            raise UnknownNameError.among("taxonomy label", code, self.labels)
        return self.labels[code]

    def __contains__(self, code: object) -> bool:
        return code in self.labels

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels.values())


@cache
def default_taxonomy() -> Taxonomy:
    """The taxonomy that ships with Noisegate."""
    text = files("noisegate.core").joinpath("taxonomy.csv").read_text("utf-8")
    return Taxonomy.of("noisegate", 1, (_label(row) for row in csv.DictReader(text.splitlines())))


def _label(row: Mapping[str, str]) -> Label:
    return Label(
        code=row["code"],
        reference=row["reference"],
        definition=row["definition"],
        dsa=tuple(row["dsa"].split()),
        mlcommons=tuple(row["mlcommons"].split()),
        openai=tuple(row["openai"].split()),
        advisory=row["flags"] == "advisory",
        hash_only=row["flags"] == "hash-only",
    )
