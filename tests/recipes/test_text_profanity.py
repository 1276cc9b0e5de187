import re
from pathlib import Path

import yaml
from recipes import text_profanity

from noisegate.signals.text.lexicon import Lexicon, fold

HERE = Path(str(text_profanity.__file__)).parent
SHIPPED = HERE.parents[1] / "src" / "noisegate" / "signals" / "text" / "profanity.json.gz"


def test_ordinary_words_are_not_in_the_shipped_list() -> None:
    """Every entry left out on purpose is out, unless it was added again in another sense."""
    lexicon = Lexicon.load(SHIPPED)
    innocent = yaml.safe_load((HERE / "innocent.yaml").read_text(encoding="utf-8"))
    more = yaml.safe_load((HERE / "more.yaml").read_text(encoding="utf-8"))["terms"]
    for language, words in innocent.items():
        back = {fold(term) for term in more.get(language, {})}
        for word in {fold(str(word)) for word in words} - back:
            assert language not in {entry.language for entry in lexicon.terms.get(word, ())}, (language, word)


def test_every_term_is_folded_and_graded() -> None:
    """What is looked up is folded, so what is stored must be."""
    lexicon = Lexicon.load(SHIPPED)
    assert len(lexicon.terms) > 1000
    for term, entries in lexicon.terms.items():
        assert term == fold(term)
        assert re.search(r"\w", term)
        assert all(entry.level in {1, 2, 3} for entry in entries)


def test_the_list_names_its_sources() -> None:
    """Attribution travels with the file."""
    notice = SHIPPED.with_name("profanity.LICENSE.txt").read_text(encoding="utf-8")
    for name in ("Shutterstock", "Surge AI", "Titus Wormer", "Attribution 4.0"):
        assert name in notice
