import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisegate.engine.diagnostics import Place, Problems
from noisegate.engine.documents import Mapped, Reader, Scalar, Sequence, parse


def read(text: str) -> tuple[Mapped, Problems]:
    problems = Problems({"f": text})
    document = parse("f", text, problems)
    assert isinstance(document, Mapped)
    return document, problems


def scalar(text: str) -> Scalar:
    document, problems = read(text)
    assert not problems, problems.render()
    value = next(iter(document.entries.values()))
    assert isinstance(value, Scalar)
    return value


@pytest.mark.parametrize(
    "text",
    [
        "when: any(a, 0.5) && MARK",  # plain
        "when: any(a, 0.5)\n  && more\n\n  && MARK",  # plain over several lines
        "when: 'any(a, ''x'') && MARK'",  # quotes are written twice
        "when: 'any(a)\n\n   && MARK'",
        'when: "any(a, \\"x\\", \\u00fc) && MARK"',  # escapes are longer than what they stand for
        'when: "any(a) \\\n   && MARK"',  # an escaped line end stands for nothing
        'when: "any(a)\\n\\t&& MARK"',
        "when: >-\n    any(a)\n    && MARK",  # folded
        "when: |\n    any(a)\n      && MARK\n",  # literal, with indentation of its own
        "when: >2  # a comment\n   any(a)\n\n\n  && MARK\n",
    ],
)
def test_every_character_of_a_value_knows_where_it_is_written(text: str) -> None:
    """Whatever YAML style it is written in."""
    value = scalar(text)
    place = value.at(value.text.index("MARK"))
    assert text.split("\n")[place.line][place.column :].startswith("MARK")


@given(
    words=st.lists(st.sampled_from(["ab", "c(", "'", '"', "&&", "0.5,", "ü漢"]), min_size=1, max_size=8), data=st.data()
)
def test_words_are_found_again_however_they_are_folded(words: list[str], data: st.DataObject) -> None:
    """The place of each word in a block is the place where it stands in the file."""
    blanks = [data.draw(st.sampled_from([" ", "  ", "\n    ", "\n\n    "])) for _ in words[1:]]
    style = data.draw(st.sampled_from(["|", ">", ">-"]))
    body = words[0] + "".join(blank + word for blank, word in zip(blanks, words[1:], strict=True))
    text = f"when: {style}\n    {body}\n"
    value = scalar(text)
    at = 0
    for word in words:
        at = value.text.index(word, at)
        place = value.at(at)
        assert text.split("\n")[place.line][place.column :].startswith(word)
        at += len(word)


def test_past_the_end_is_the_place_after_the_last_character() -> None:
    """That is where an unexpected end is shown."""
    assert scalar("when: >-\n  ab\n  cd\n").at(99) == Place("f", 2, 4)
    assert scalar("when: ab").at(2) == Place("f", 0, 8)


def test_values_are_what_the_reader_expects_and_not_what_yaml_guesses() -> None:
    """`NO` is Norway and `1.10` keeps its zero; no boolean or number is made of them."""
    document, problems = read("markets: [NO, SE]\ntitle: 1.10\n")
    reader = Reader(problems)
    assert [text for text, _ in reader.texts(document.entries["markets"], "`markets`")] == ["NO", "SE"]
    assert reader.text(document.entries["title"], "`title`") == "1.10"
    assert not problems


def test_a_duplicate_key_is_a_problem_that_names_the_first() -> None:
    """YAML itself would silently take the last."""
    _, problems = read("a: 1\nb: 2\na: 3\n")
    assert "duplicate key `a`" in problems.render()
    assert "it is already on line 1" in problems.render()


def test_anchors_and_merge_keys_are_refused() -> None:
    """A pack reads the same from top to bottom, and no small file unfolds to a large one."""
    document, problems = read("a: &x [1]\nb: *x\n")
    assert "a value is used twice through an anchor" in problems.render()
    Reader(problems).mapping(document, "a pack", optional=("a", "b"))
    document, problems = read("<<: {a: 1}\n")
    Reader(problems).mapping(document, "a pack", optional=("a",))
    assert "unknown key `<<`" in problems.render()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "f:1:6"),
        ("a: 'x", "this is not YAML"),
        ("a: 1\n\tb: 2", "f:2:1"),
        ("a: \x07", "the character U+0007 is not allowed"),
        ("", "the file is empty"),
        ("# nothing", "the file is empty"),
        ("[" * 5000, "nested too deeply"),
        ("a: 1\n---\nb: 2", "but found another document"),
        ("? [a]\n: 1", "a key must be a word"),
    ],
)
def test_what_is_not_yaml_is_a_problem_with_a_place(text: str, expected: str) -> None:
    """Nothing a file can hold makes reading it fail in another way."""
    problems = Problems({"f": text})
    parse("f", text, problems)
    assert expected in problems.render()


def test_wrong_shapes_are_noted_and_read_as_something_harmless() -> None:
    """So that one run shows every problem."""
    document, problems = read("a: [1]\nb: x\nc: ~\nd: -1\ne: 1.5\nf: '3'\ng: 2_0\n")
    values, reader = document.entries, Reader(problems)
    assert reader.text(values["a"], "`a`") == ""
    assert reader.items(values["b"], "`b`") == ()
    assert reader.entries(values["b"], "`b`") == {}
    assert reader.text(values["c"], "`c`") == ""
    assert reader.whole(values["d"], "`d`", at_least=1) == 1
    assert reader.whole(values["c"], "`c2`", at_least=1) == 1
    assert reader.share(values["e"], "`e`") == 0.0
    assert reader.share(values["c"], "`c3`") == 0.0
    assert reader.whole(values["f"], "`f`", at_least=1) == 1
    assert reader.share(values["g"], "`g`") == 0.0
    assert len(problems) == 10


def test_a_list_of_lists_keeps_its_places() -> None:
    """Items know where they are written."""
    document, _ = read("a:\n  - [1, 2]\n")
    outer = document.entries["a"]
    assert isinstance(outer, Sequence)
    inner = outer.items[0]
    assert isinstance(inner, Sequence)
    assert [item.place.column for item in inner.items] == [5, 8]
