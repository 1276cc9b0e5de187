"""Reads the open data sets and maps each one's own labels to ours.

What a source's labels mean is written in `sources/NAME.yaml`, beside its licence and credit; this file only applies
those rules. A label that no rule mentions stays UNKNOWN and neither trains nor measures that head.

It does not know about models, splits or features.
"""

import csv
import gzip
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

HEADS = ("hate", "sexism", "harassment", "threat", "sexual", "self_harm")
"""What is learned. `sexism` is folded into the released label `hate`: one large set was labelled for it alone."""

UNKNOWN = -1
MOST_CHARACTERS = 600
"""Longer texts are left out: their label says nothing about which sentence earned it."""

csv.field_size_limit(1 << 24)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One text with what is known about it."""

    text: str
    labels: tuple[int, ...]
    """One value per head in HEADS: 1, 0 or UNKNOWN."""
    source: str
    language: str
    groups: tuple[str, ...] = ()
    """Rows that share a group never fall on two sides of a split."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One `sources/NAME.yaml`."""

    name: str
    title: str
    licence: str
    credit: str
    language: str
    reader: str
    folder: str
    files: tuple[str, ...]
    rules: tuple[Mapping[str, Any], ...]
    text: str = "text"
    keep: Mapping[str, list[str]] = field(default_factory=dict)
    pair: tuple[str, ...] = ()
    group: str = ""
    limit: int = 0
    """Most rows taken, 0 for all; which ones depends on their text alone."""


Record = dict[str, Any]


def sources(folder: Path) -> list[Source]:
    """Every source of a folder of YAML files, by name.

    Raises:
        TypeError: A file has a key that Source does not have, or lacks one it needs.
    """
    found = []
    for path in sorted(folder.glob("*.yaml")):
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key in ("files", "rules", "pair"):
            body[key] = tuple(body.get(key, ()))
        found.append(Source(name=path.stem, **body))
    return found


def rows(source: Source, data: Path) -> list[Row]:
    """The labelled rows of one source.

    Args:
        source: What to read and how its labels map to ours.
        data: The folder that holds the source's folder.

    Raises:
        FileNotFoundError: One of the source's files is not there.
    """
    folder = data / source.folder
    found = []
    for record in READERS[source.reader](source, folder):
        if any(record[column] not in allowed for column, allowed in source.keep.items()):
            continue
        text = " ".join(str(record[source.text]).split())
        labels = _labels(source, record)
        if not text or len(text) > MOST_CHARACTERS or all(value == UNKNOWN for value in labels):
            continue
        keys = [column for column in (*source.pair, source.group) if column and record.get(column)]
        groups = tuple(f"{source.name}:{'pair' if key in source.pair else key}:{record[key]}" for key in keys)
        found.append(Row(text=text, labels=labels, source=source.name, language=source.language, groups=groups))
    if source.limit and len(found) > source.limit:
        found.sort(key=lambda row: hashlib.sha256(row.text.encode()).digest())
        found = found[: source.limit]
    return found


def label_matrix(found: list[Row]) -> NDArray[np.int8]:
    """The labels of some rows as one (rows, heads) array."""
    return np.array([row.labels for row in found], dtype=np.int8).reshape(len(found), len(HEADS))


def _labels(source: Source, record: Record) -> tuple[int, ...]:
    known = dict.fromkeys(HEADS, UNKNOWN)
    for rule in source.rules:
        if all(_holds(record[column], wanted) for column, wanted in rule["when"].items()):
            unknown = set(rule["labels"]) - set(HEADS)
            if unknown:
                message = f"{source.name}: unknown label {sorted(unknown)}; use some of {HEADS}"
                raise ValueError(message)
            known.update(rule["labels"])
    return tuple(known.values())


def _holds(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return bool(wanted.get("min", -np.inf) <= value <= wanted.get("max", np.inf))
    if isinstance(wanted, list):
        return value in wanted
    return bool(value == wanted)


def read_table(path: Path) -> Iterator[Record]:
    """The records of a gzipped or plain CSV, TSV or JSON-lines file; a TSV is read without quote handling."""
    with ExitStack() as opened:
        raw = opened.enter_context(path.open("rb"))
        unpacked = opened.enter_context(gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
        lines = opened.enter_context(io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline=""))
        if ".jsonl" in path.name:
            yield from (json.loads(line) for line in lines)
        elif ".tsv" in path.name:
            yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        else:
            yield from csv.DictReader(lines)


def _table(source: Source, folder: Path) -> Iterator[Record]:
    for name in source.files:
        yield from read_table(folder / name)


def _told_br(source: Source, folder: Path) -> Iterator[Record]:
    kinds = ("homophobia", "obscene", "insult", "racism", "misogyny", "xenophobia")
    for record in _table(source, folder):
        share = {kind: np.mean([float(record[f"{kind}_{slot}"] or 0) for slot in (1, 2, 3)]) for kind in kinds}
        group_attack = max(share[kind] for kind in ("homophobia", "racism", "misogyny", "xenophobia"))
        yield {"text": record["text"], **share, "group_attack": group_attack, "any": max(share.values())}


def _convabuse(source: Source, folder: Path) -> Iterator[Record]:
    turns: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in _table(source, folder):
        turns[record["conv_id"], record["user"]].append(record)
    for (conversation, said), marks in turns.items():

        def share(*columns: str, marks: list[Record] = marks) -> float:
            return float(np.mean([any(float(mark[column] or 0) for column in columns) for mark in marks]))

        yield {
            "text": said,
            "conversation": conversation,
            "abusive": share("is_abuse.-1", "is_abuse.-2", "is_abuse.-3"),
            "clean": share("is_abuse.1"),
            "intellectual": share("type.intellectual"),
            "sex_harassment": share("type.sex_harassment"),
        }


def _civil_comments_spans(source: Source, folder: Path) -> Iterator[Record]:
    names = {"Insult": "insult", "Identity based Attack": "identity_attack", "Threat": "threat"}
    comments, annotations, spans = (list(read_table(folder / name)) for name in source.files)
    text = {comment["comment_id"]: comment["comment_text"] for comment in comments}
    marked: dict[str, set[str]] = defaultdict(set)
    for span in spans:
        marked[span["annotation"]].add(names.get(span["type"], "other"))
    by_comment: dict[str, list[set[str]]] = defaultdict(list)
    for annotation in annotations:
        by_comment[annotation["comment_id"]].append(marked[annotation["annotation"]])
    for comment, marks in by_comment.items():
        shares = {kind: float(np.mean([kind in mark for mark in marks])) for kind in names.values()}
        yield {"text": text[comment], "workers": len(marks), **shares}


def _pii_synthetic(source: Source, folder: Path) -> Iterator[Record]:
    with gzip.open(folder / source.files[0], "rt", encoding="utf-8") as lines:
        for record in json.load(lines):
            yield {"text": record["full_text"], "template_id": str(record["template_id"])}


READERS: Mapping[str, Callable[[Source, Path], Iterator[Record]]] = {
    "table": _table,
    "told_br": _told_br,
    "convabuse": _convabuse,
    "civil_comments_spans": _civil_comments_spans,
    "pii_synthetic": _pii_synthetic,
}
