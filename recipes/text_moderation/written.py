"""Turns the sentences of `written/LANGUAGE.yaml` into labelled rows.

The open sets have no self-harm examples, few threats, hardly anything sexual that may be shared, and no podcast or song
descriptions; these sentences fill that gap in fourteen languages. Each line is expanded over its slots, set in
neighbouring harmless speech and varied in case, all chosen by a hash of the line, so that two runs give the same rows.
"""

import itertools
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from recipes.text_moderation.sources import HEADS, UNKNOWN, Row

SOURCE = "written"
_MOST_SET = 20
"""Most fillings of one line that are also set among harmless speech."""
_SLOT = re.compile(r"{(\w+)}")


def written_rows(folder: Path, *, seed: int, most: int) -> list[Row]:
    """The rows of every language file.

    Args:
        folder: Holds `LANGUAGE.yaml` files.
        seed: Changes which fillings are drawn.
        most: Most fillings of one line, where its family does not say otherwise; a line without slots has one.

    Returns:
        Rows in which every head is known, except those a family leaves open. Lines at the same place of the same family
        share a group in all languages, because many are translations of each other.
    """
    found = []
    for path in sorted(folder.glob("*.yaml")):
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        slots, fillers = body.get("slots", {}), body.get("fillers", "").split("\n")
        fillers = [line.strip() for line in fillers if line.strip()]
        for family in body["families"]:
            labels = _labels(path.name, family)
            for place, line in enumerate(_lines(family["lines"])):
                rng = random.Random(f"{seed}/{path.stem}/{family['name']}/{line}")  # noqa: S311 - not for secrets
                for text in _variants(line, slots, fillers, rng, int(family.get("most", most))):
                    groups = (f"{SOURCE}:{family['name']}:{place}",)
                    found.append(Row(text=text, labels=labels, source=SOURCE, language=path.stem, groups=groups))
    return found


def _lines(block: str) -> list[str]:
    return [line.strip() for line in block.split("\n") if line.strip()]


def _labels(name: str, family: Mapping[str, Any]) -> tuple[int, ...]:
    ones, unknown = family.get("labels", []), family.get("unknown", [])
    strange = (set(ones) | set(unknown)) - set(HEADS)
    if strange:
        message = f"{name}: family {family['name']!r} names {sorted(strange)}; use some of {HEADS}"
        raise ValueError(message)
    return tuple(1 if head in ones else UNKNOWN if head in unknown else 0 for head in HEADS)


def _variants(
    line: str, slots: Mapping[str, list[str]], fillers: list[str], rng: random.Random, most: int
) -> Iterator[str]:
    texts = _fillings(line, slots, rng, most)
    for text in texts:
        yield _restyled(text, rng)
    if fillers:
        for text in texts[: min(max(1, most // 2), _MOST_SET)]:
            before, after = (_fillings(rng.choice(fillers), slots, rng, 1)[0] for _ in range(2))
            yield rng.choice((f"{before} {text}", f"{text} {after}", f"{before} {text} {after}"))


def _fillings(line: str, slots: Mapping[str, list[str]], rng: random.Random, most: int) -> list[str]:
    names = _SLOT.findall(line)
    if not names:
        return [line]
    found: dict[str, None] = {}
    for _ in range(4 * most):  # a few more draws than needed, since two may be equal
        choices = itertools.chain(rng.choice(slots[name]) for name in names)
        text = _SLOT.sub(lambda _, choices=choices: next(choices), line)  # type: ignore[misc]
        found[text[:1].upper() + text[1:]] = None
        if len(found) == most:
            break
    return list(found)


def _restyled(text: str, rng: random.Random) -> str:
    """Mostly as written; sometimes as a picture shows it (capitals) or a recogniser hears it (no punctuation)."""
    style = rng.random()
    if style < 0.12:
        return text.upper()
    if style < 0.3:
        return re.sub(r"[.,;:!?¿¡]", "", text).lower()
    return text
