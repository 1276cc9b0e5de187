"""Finds listed words in text in spite of the usual disguises, and never inside other words.

A token is looked up as written, then with look-alike letters of another alphabet, digits and signs for letters, stretched
letters and asterisks undone; letters spaced out one by one are joined. Only whole tokens count, so a listed word inside a
harmless one is no hit. It knows words, not meaning: a quotation or a joke looks the same as an insult.
"""

import gzip
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FORMAT = 1
_CHUNK = 1 << 16
_MOST_WORDS = 5
_REMEMBERED = 50_000
_LATIN_LETTERS = 3

_INVISIBLE = dict.fromkeys(
    [0x00AD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0xFE00, 0xFE10), 0xFEFF]
)
_SIGNS = "@$!|+*€£0-9"
_INNER = "\u00ad\u200b-\u200f\u2060-\u2064\u0300-\u036f\ufe00-\ufe0f\ufeff"
_TOKEN = re.compile(rf"[\w{_SIGNS}{_INNER}]+")
_SPACED = re.compile(r"(?<!\w)[^\W\d_](?:[ .\-_*·]{1,2}[^\W\d_]){2,}(?!\w)")
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_LOOKALIKES = str.maketrans("аеорсухкімтвнѕјԁɡαοεικρτυν", "aeopcyxkimtbhsjdgaoeikptuv")
_LEET = str.maketrans("@$!|+€£0134578", "asilteloieastb")
_LEET_ONE_AS_L = str.maketrans("@$!|+€£0134578", "asilteloleastb")
_EDGE = "*!|+_"
_RUN = re.compile(r"(.)\1+")
_LONG_RUN = re.compile(r"(.)\1{2,}")


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One listed word or phrase in a text."""

    start: int
    end: int
    """Half-open range of characters in the text as given."""
    level: int
    """1 mild, 2 strong, 3 severe."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known about a term in one language."""

    language: str
    level: int
    ambiguous: bool
    """True when it is a harmless word elsewhere: it counts only in a text of its own language."""


def fold(text: str) -> str:
    """`text` in one spelling: compatibility form, no case, no invisible characters."""
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE).casefold()


@dataclass(frozen=True)
class Lexicon:
    """Terms by spelling, ready for matching."""

    terms: Mapping[str, tuple[Entry, ...]]
    """Single words and spaced phrases, folded."""
    heads: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    """First word of a phrase -> the phrases, as words."""
    unspaced: re.Pattern[str] | None = None
    """Finds the terms of languages that put no spaces between words."""
    masked: Mapping[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)
    """(length, first letter) -> Latin terms worth masking with asterisks."""

    @classmethod
    def load(cls, path: Path) -> "Lexicon":
        """The list in `path`, as the recipe in `recipes/text_profanity` writes it.

        Raises:
            ValueError: the file has another format.
        """
        body = json.loads(gzip.decompress(path.read_bytes()))
        if body["format"] != FORMAT:
            raise ValueError(f"{path.name} has format {body['format']}, this version reads format {FORMAT}")
        found: dict[str, list[Entry]] = {}
        for language, levels in body["terms"].items():
            ambiguous = set(body["ambiguous"].get(language, ()))
            for level, terms in levels.items():
                for term in terms:
                    entry = Entry(language=language, level=int(level), ambiguous=term in ambiguous)
                    found.setdefault(term, []).append(entry)
        return cls.of({term: tuple(entries) for term, entries in found.items()})

    @classmethod
    def of(cls, terms: Mapping[str, tuple[Entry, ...]]) -> "Lexicon":
        """A lexicon of folded terms."""
        heads: dict[str, list[tuple[str, ...]]] = {}
        masked: dict[tuple[int, str], list[str]] = {}
        unspaced = []
        for term, entries in terms.items():
            words = tuple(re.findall(r"\w+", term))
            if _UNSPACED.search(term):
                unspaced.append(term)
            elif len(words) > 1:
                heads.setdefault(words[0], []).append(words)
            elif len(term) > _LATIN_LETTERS and max(entry.level for entry in entries) > 1:
                masked.setdefault((len(term), term[0]), []).append(term)
        unspaced.sort(key=lambda term: (-len(term), term))
        return cls(
            terms=terms,
            heads={word: tuple(sorted(phrases, key=lambda p: (-len(p), p))) for word, phrases in heads.items()},
            unspaced=re.compile("|".join(map(re.escape, unspaced))) if unspaced else None,
            masked={key: tuple(found) for key, found in masked.items()},
        )

    def find(self, text: str, language: str | None) -> Iterator[Hit]:
        """The listed words in `text`, in order and without overlaps.

        Args:
            text: Any string; time grows linearly with its length.
            language: BCP-47 code of the text; None when unknown, in which case ambiguous words count in English only.
        """
        known: dict[str, int] = {}
        base = language.split("-")[0] if language else None
        base = "no" if base in {"nb", "nn"} else base
        start = 0
        while start < len(text):
            end = _chunk_end(text, start)
            stretch = text[start:end]
            hits = [*self._words(stretch, base, known), *self._spaced_out(stretch, base)]
            if self.unspaced and _UNSPACED.search(stretch):
                hits.extend(self._inside(stretch, base))
            for hit in _without_overlaps(hits):
                yield Hit(start=start + hit.start, end=start + hit.end, level=hit.level)
            start = end

    def _words(self, text: str, language: str | None, known: dict[str, int]) -> Iterator[Hit]:
        tokens = list(_TOKEN.finditer(text))
        folded: list[str] = []
        for token in tokens:
            raw = token.group()
            level = known.get(raw)
            if level is None:
                if len(known) >= _REMEMBERED:
                    known.clear()
                level = known[raw] = self._token_level(raw, language)
            if level:
                core = raw.strip(_EDGE)
                at = token.start() + (raw.find(core) if core else 0)
                yield Hit(start=at, end=at + len(core or raw), level=level)
            folded.append(fold(raw).strip(_EDGE))
        for place, word in enumerate(folded):
            for phrase in self.heads.get(word, ()):
                if tuple(folded[place : place + len(phrase)]) == phrase:
                    level = self._level(" ".join(phrase), language) or self._phrase_level(phrase, language)
                    if level:
                        last = tokens[place + len(phrase) - 1]
                        end = last.start() + len(last.group().rstrip(_EDGE))
                        yield Hit(start=tokens[place].start(), end=end, level=level)
                        break

    def _phrase_level(self, phrase: tuple[str, ...], language: str | None) -> int:
        """A phrase that is listed with hyphens or apostrophes between its words."""
        return max((self._level(joint.join(phrase), language) for joint in ("-", "'", "\u2019")), default=0)

    def _level(self, term: str, language: str | None) -> int:
        entries = self.terms.get(term, ())
        at_home = [entry.level for entry in entries if entry.language == language]
        if at_home:
            return max(at_home)
        anywhere = [
            entry.level for entry in entries if not entry.ambiguous or (language is None and entry.language == "en")
        ]
        return max(anywhere, default=0)

    def _token_level(self, raw: str, language: str | None) -> int:
        return max((self._level(form, language) for form in self._forms(raw)), default=0) or self._masked_level(
            raw, language
        )

    def _forms(self, raw: str) -> Iterator[str]:
        plain = fold(raw).strip(_EDGE)
        yield plain
        if not any(letter.isalpha() for letter in plain):
            return
        bare = "".join(c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))
        if len(unicodedata.normalize("NFC", plain)) > len(unicodedata.normalize("NFC", bare)):
            yield bare  # marks that no alphabet composes with the letter are decoration, not spelling
        latin = plain.translate(_LOOKALIKES)
        forms = {plain, bare if len(plain) > len(bare) else plain}
        if latin.isascii() and any(c.isascii() and c.isalpha() for c in plain):
            forms.add(latin)
        for form in sorted(forms):
            spellings = {form}
            if not form.isalpha():
                inner = fold(raw).strip("*|_") if form == plain else form
                spellings |= {s.translate(table) for s in (form, inner) for table in (_LEET, _LEET_ONE_AS_L)}
            for spelling in sorted(spellings):
                yield spelling
                if _LONG_RUN.search(spelling):
                    yield _LONG_RUN.sub(r"\1\1", spelling)
                    yield _LONG_RUN.sub(r"\1", spelling)
                    yield _RUN.sub(r"\1", spelling)

    def _masked_level(self, raw: str, language: str | None) -> int:
        word = fold(raw).strip(_EDGE.replace("*", ""))
        if "*" not in word.strip("*") or not word[0].isalpha():
            return 0
        letters = sum(letter.isalpha() for letter in word)
        if letters < 2 or letters * 2 < len(word):  # one letter could be anything
            return 0
        mask = re.compile("".join("." if c == "*" else re.escape(c) for c in word))
        levels = [
            self._level(term, language) for term in self.masked.get((len(word), word[0]), ()) if mask.fullmatch(term)
        ]
        return min((level for level in levels if level), default=0)

    def _spaced_out(self, text: str, language: str | None) -> Iterator[Hit]:
        for match in _SPACED.finditer(text):
            word = "".join(c for c in fold(match.group()) if c.isalpha())
            level = self._level(word, language) if len(word) > _LATIN_LETTERS else 0
            if level > 1:
                yield Hit(start=match.start(), end=match.end(), level=level)

    def _inside(self, text: str, language: str | None) -> Iterator[Hit]:
        if self.unspaced is None:
            return
        for match in self.unspaced.finditer(text):
            level = self._level(match.group(), language)
            if level:
                yield Hit(start=match.start(), end=match.end(), level=level)


def _without_overlaps(hits: list[Hit]) -> list[Hit]:
    """The strongest hit wherever several overlap, the longest among equals; in order of their start."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.level, -hit.end)):
        if kept and hit.start < kept[-1].end:
            if (hit.level, hit.end - hit.start) > (kept[-1].level, kept[-1].end - kept[-1].start):
                kept[-1] = hit
        else:
            kept.append(hit)
    return kept


def _chunk_end(text: str, start: int) -> int:
    """Where to stop so that memory stays flat: at white space where there is some."""
    end = start + _CHUNK
    if end >= len(text):
        return len(text)
    for at in range(end, end - 200, -1):
        if text[at].isspace():
            return at
    return end
