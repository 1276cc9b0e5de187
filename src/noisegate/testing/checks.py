"""`check_signal`: the conformance suite that every signal passes, ours and those of other packages.

It asks for what the rest of the platform relies on: a complete declaration, a fingerprint that changes when it must,
examples that hold, answers within what was declared, evidence that lies inside its part, and calm in the face of odd
input. There is no list of exceptions: where a rule cannot apply, the class says why (`no_positive_example`).
"""

from collections.abc import Iterable
from typing import Any

from noisegate.core.signal import LoadContext, Signal
from noisegate.testing.behaviour import behaviour_problems, gap_problems
from noisegate.testing.context import installed_context
from noisegate.testing.declaration import declaration_problems


class ConformanceError(AssertionError):
    """A signal does not keep its contract; the message lists everything that is wrong."""

    def __init__(self, name: str, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n".join([f"signal `{name}` does not keep its contract:", *(f"- {p}" for p in self.problems)])
        )


def check_signal(signal: Signal[Any, Any], context: LoadContext | None = None) -> None:
    """Hold `signal` to its contract: its declaration first, then what it does.

    Args:
        signal: An instance, in the configuration to be checked.
        context: What `load` gets; the weights of this installation when None.

    Raises:
        ConformanceError: something is wrong.
        NotInstalledError: a library or a weight file is missing, so only the declaration could be checked.
    """
    check_declaration(signal)
    context = context or installed_context()
    problems = gap_problems(signal, context) if signal.spec.gap else behaviour_problems(signal, context)
    if found := tuple(problems):
        raise ConformanceError(signal.spec.name, found)


def check_declaration(signal: Signal[Any, Any]) -> None:
    """The part of `check_signal` that needs no weights. Raises ConformanceError."""
    if found := tuple(declaration_problems(signal)):
        raise ConformanceError(signal.spec.name, found)
