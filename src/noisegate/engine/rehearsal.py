"""Runs a pack's own examples: does it decide as its author wrote that it would?"""

from dataclasses import dataclass

from noisegate.core.decision import Decision, Inputs, Known
from noisegate.core.ids import ItemId
from noisegate.core.policy import PolicyExample
from noisegate.engine.compile import CompiledPack
from noisegate.engine.evaluate import evaluate

_ITEM = ItemId("itm_example")


@dataclass(frozen=True, kw_only=True)
class ExampleOutcome:
    """What came of one example."""

    example: PolicyExample
    decision: Decision

    @property
    def ok(self) -> bool:
        """Whether rule and action are the expected ones."""
        return (self.decision.rule, self.decision.action) == (self.example.rule, self.example.action)

    @property
    def message(self) -> str:
        """What was expected and what came, in one line; empty when they are the same."""
        if self.ok:
            return ""
        expected, got = self.example, self.decision
        return (
            f"example `{expected.name}`: expected rule `{expected.rule}` with `{expected.action.value}`, "
            f"got rule `{got.rule}` with `{got.action.value}`"
        )


def check_examples(compiled: CompiledPack) -> list[ExampleOutcome]:
    """Decide every example of a pack, in the file's order."""
    return [
        ExampleOutcome(example=example, decision=evaluate(compiled, example_inputs(compiled, example), _ITEM))
        for example in compiled.pack.examples
    ]


def example_inputs(compiled: CompiledPack, example: PolicyExample) -> Inputs:
    """What an example gives, as a decision sees it."""
    known = {name: example.given.get(name, Known()) for name in compiled.variables}
    return Inputs(item=example.item, known=known, fingerprints={}, dice=1.0)
