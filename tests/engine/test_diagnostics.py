from noisegate.engine.diagnostics import Place, Problems


def test_a_problem_is_drawn_with_its_line_and_a_caret_below_its_column() -> None:
    """The caret stands under the character, the note beside it."""
    problems = Problems({"pack.yaml": "one\ntwo three\n"}, folder="packs/x/")
    problems.add(Place("pack.yaml", 1, 4), "unknown word `three`", "did you mean `tree`?")
    assert str(problems.error()) == (
        "error: unknown word `three`\n --> packs/x/pack.yaml:2:5\n  |\n2 | two three\n  |     ^ did you mean `tree`?"
    )


def test_the_caret_stands_right_below_wide_characters_and_tabs() -> None:
    """Characters that are two columns wide move it by two, a tab by a tab."""
    problems = Problems({"a": "\t漢字 x"})
    problems.add(Place("a", 0, 4), "bad")
    assert problems.render().splitlines()[-1] == "  | \t     ^"


def test_a_problem_of_a_whole_file_has_no_line() -> None:
    """Nothing is drawn where there is nothing to point at."""
    problems = Problems({})
    problems.add(Place("pack.yaml"), "it is missing", "write one")
    assert problems.render() == "error: it is missing\n  --> pack.yaml\n   = write one"


def test_problems_come_in_the_order_of_the_lines_and_are_counted() -> None:
    """The same problem twice counts once."""
    problems = Problems({"b": "x\ny", "a": "x"})
    for place in (Place("a", 0), Place("b", 1), Place("b", 0), Place("b", 1)):
        problems.add(place, "bad")
    places = [line.split("--> ")[1] for line in problems.render().splitlines() if "-->" in line]
    assert places == ["b:1:1", "b:2:1", "a:1:1"]
    assert problems.render().endswith("3 errors")
