"""Builds `profanity.json.gz`, the word list of the signal `text.profanity`.

    python -m recipes.text_profanity --data DIR

Three openly licensed lists are read, entries that are ordinary words (`innocent.yaml`) are left out, everyday swear words
the lists lack are added (`more.yaml`), and every word that also turns up in harmless text of another language is marked:
such a word counts only in a text of its own language. The same inputs give the same bytes.
"""

import argparse
import csv
import gzip
import json
import os
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import yaml

from noisegate.signals.text.lexicon import FORMAT, fold
from recipes.text_moderation.sources import rows, sources
from recipes.text_moderation.written import written_rows

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "src" / "noisegate" / "signals" / "text" / "profanity.json.gz"
LANGUAGES = (
    *("ar", "cs", "da", "de", "en", "es", "fi", "fr", "hu", "it", "ja", "ko", "nl", "no", "pl", "pt", "ru", "sv"),
    *("tr", "zh"),
)
_LEVELS = {"Mild": 1, "Strong": 2, "Severe": 3}
_PLAIN = re.compile(r"[^\W\d_]+(?:[ '\u2019-][^\W\d_]+)*")
_STEM = 5
"""An inflected form is taken over when it begins with an agreed word of at least this many letters less its last vowel."""

Terms = dict[str, dict[str, int]]
"""Language -> term -> level."""


def build(lists: Path, data: Path) -> dict[str, Any]:
    """The word list as it is stored.

    Args:
        lists: The folder `lexicon_profanity`.
        data: The folder that holds it and the moderation sets, whose harmless rows tell ambiguous words.
    """
    innocent: dict[str, list[str]] = yaml.safe_load((HERE / "innocent.yaml").read_text(encoding="utf-8"))
    more: dict[str, Any] = yaml.safe_load((HERE / "more.yaml").read_text(encoding="utf-8"))
    terms: Terms = {language: {} for language in LANGUAGES}
    terms["en"] = _english(lists / "surge_profanity_en.csv", more["levels"])
    cuss = _cuss(lists / "cuss_ratings.csv")
    for language in LANGUAGES:
        left_out = {fold(str(word)) for word in innocent.get(language, [])}
        if language != "en":
            lines = (lists / "ldnoobw" / f"{language}.txt").read_text(encoding="utf-8").splitlines()
            terms[language] = {fold(line): 2 for line in lines if line.strip()}
        if language == "ru":  # its Latin spellings are mostly harmless words of other languages
            terms[language] = {term: level for term, level in terms[language].items() if not term.isascii()}
        terms[language] = {term: level for term, level in terms[language].items() if _usable(term, left_out)}
        terms[language] |= _inflected(terms[language], cuss.get(language, {}), left_out)
        terms[language] |= {fold(term): level for term, level in more["terms"].get(language, {}).items()}
    ambiguous = {language: {fold(term) for term in found} for language, found in more["ambiguous"].items()}
    for language, found in _harmless_elsewhere(terms, data).items():
        ambiguous.setdefault(language, set()).update(found)
    return {
        "format": FORMAT,
        "terms": {
            language: {str(level): sorted(t for t, at in found.items() if at == level) for level in (1, 2, 3)}
            for language, found in sorted(terms.items())
        },
        "ambiguous": {
            language: sorted(found & terms[language].keys()) for language, found in sorted(ambiguous.items())
        },
    }


def _usable(term: str, left_out: set[str]) -> bool:
    return term not in left_out and len(term) >= (3 if term.isascii() else 2)


def _english(path: Path, raised: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for entry in csv.DictReader(lines):
            term = fold(entry["text"])
            if not _PLAIN.fullmatch(term):  # spellings with digits and signs are the normaliser's work
                continue
            level = max(
                [_LEVELS[entry["severity_description"]], *(at for head, at in raised.items() if term.startswith(head))]
            )
            found[term] = max(level, found.get(term, 0))
    return found


def _cuss(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with path.open(encoding="utf-8", newline="") as lines:
        for entry in csv.DictReader(lines):
            found[entry["lang"]][fold(entry["word"])] = int(entry["rating"])
    return found


def _inflected(agreed: dict[str, int], rated: dict[str, int], left_out: set[str]) -> dict[str, int]:
    stems = {term.rstrip("aeiou"): level for term, level in agreed.items() if " " not in term}
    stems = {stem: level for stem, level in stems.items() if len(stem) >= _STEM}
    return {
        word: level
        for word, rating in rated.items()
        if rating == max(_LEVELS.values()) - 1 and " " not in word and _usable(word, left_out)
        for stem, level in stems.items()
        if word.startswith(stem) and word not in agreed
    }


def _harmless_elsewhere(terms: Terms, data: Path) -> dict[str, set[str]]:
    """Single words that occur in harmless text of a language other than their own."""
    recipe = HERE.parent / "text_moderation"
    texts = written_rows(recipe / "written", seed=0, most=1)
    for source in sources(recipe / "sources"):
        if source.name in {"goemotions", "jigsaw", "told_br", "pii_synthetic"}:
            texts.extend(row for row in rows(source, data) if not any(label == 1 for label in row.labels))
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for row in texts:
        seen[row.language].update(set(re.findall(r"\w+", fold(row.text))))
    return {
        language: {term for term in found if any(seen[other][term] > 0 for other in seen if other != language)}
        for language, found in terms.items()
        if language != "en"  # English swear words are at home in every language's songs
    }


def main() -> None:
    """Build the list and write it beside the signal."""
    parser = argparse.ArgumentParser(description="Builds the word list of text.profanity.")
    parser.add_argument("--data", type=Path, default=os.environ.get("NOISEGATE_DATA"), help="folder with the raw data")
    data = parser.parse_args().data
    if data is None:
        parser.error("where is the raw data? give --data DIR or set NOISEGATE_DATA")
    body = build(Path(data) / "lexicon_profanity", Path(data))
    plain = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    TARGET.write_bytes(gzip.compress(plain, compresslevel=9, mtime=0))
    total = {language: sum(map(len, levels.values())) for language, levels in body["terms"].items()}
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes, {sum(total.values())} terms", total)


if __name__ == "__main__":
    main()
