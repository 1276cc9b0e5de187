from typing import Any

import pytest
from cel_expr_python import cel

from noisegate.engine.cel_tree import Node, read_tree

ENVIRONMENT = cel.NewEnv(variables={"item.kind": cel.Type.STRING, "n": cel.Type.DOUBLE, "i": cel.Type.INT})
VALUES = {"item.kind": "track", "n": 2.5, "i": 3}


def tree(source: str) -> Any:
    return read_tree(ENVIRONMENT.compile(source).serialize())


def shape(node: Node) -> object:
    if node.kind == "constant":
        return node.value
    inner = [shape(operand) for operand in node.operands]
    return [node.name or node.kind, *inner] if node.kind != "name" else node.name


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('item.kind == "ü" && !(n > 1.5)', ["_&&_", ["_==_", "item.kind", "ü"], ["!_", ["_>_", "n", 1.5]]]),
        ("i in [1, -2, 0]", ["@in", "i", ["list", 1, -2, 0]]),
        (
            "i == 9223372036854775807 || i == -9223372036854775808",
            ["_||_", ["_==_", "i", 2**63 - 1], ["_==_", "i", -(2**63)]],
        ),
        ("n > 0.0 ? true : false", ["_?_:_", ["_>_", "n", 0.0], True, False]),
        ('item.kind.startsWith("a")', ["startsWith", "item.kind", "a"]),
        ("-n < -1.0", ["_<_", ["-_", "n"], -1.0]),
        ("null == null", ["_==_", None, None]),
        ("[1].exists(x, x == 1)", ["other"]),
        ('{"a": 1}.a == 1', ["_==_", ["other"], 1]),
    ],
)
def test_a_checked_condition_is_read_as_a_tree(source: str, expected: object) -> None:
    """Every kind of expression that the library hands out."""
    assert shape(tree(source).root) == expected


def test_nodes_know_where_they_are_written_and_which_variant_was_chosen() -> None:
    """Places count characters, not bytes."""
    root = tree('item.kind == "ü漢" && n + 1.0 > 2.0').root
    places = {(node.name or node.value): (node.at, node.overload) for node in root.walk() if node.name or node.value}
    assert places["ü漢"][0] == 13
    assert places["_&&_"] == (18, "logical_and")
    assert places["_+_"] == (23, "add_double")


@pytest.mark.parametrize("source", ['item.kind == "track" && (n > 9.0 || i == 3)', "!(n < 1.0) || i in [3]"])
def test_every_operand_can_be_run_on_its_own(source: str) -> None:
    """A program cut out of a condition gives the same as the same text alone."""
    whole = tree(source)
    for node in whole.root.walk():
        if node.kind == "call" and node.name in {"_==_", "_>_", "_<_", "_||_", "@in"}:
            value = ENVIRONMENT.deserialize(whole.program(node)).eval(data=VALUES).plain_value()
            assert value is (node.name not in {"_>_", "_<_"})


def test_a_field_of_an_unknown_kind_is_an_error() -> None:
    """The library would have changed its format."""
    with pytest.raises(ValueError, match="unknown kind 3"):
        read_tree(b"\x0b")
