"""Prove a decision: take the pack and the inputs it names, decide again, and compare byte for byte."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from noisegate.core.decision import Decision
from noisegate.core.errors import PolicyError, UnknownNameError
from noisegate.core.ids import canonical_json
from noisegate.core.taxonomy import default_taxonomy
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.compile import compile_pack
from noisegate.engine.evaluate import evaluate


class Frozen(Protocol):
    """A version of a pack, as its files were."""

    @property
    def sources(self) -> Mapping[str, str]:
        """File name -> text."""
        ...


class FrozenPacks(Protocol):
    """Every version that was ever in force."""

    def get(self, name: str, version: int) -> Frozen:
        """One version. Raises UnknownNameError."""
        ...


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Whether a decision follows from its inputs and its pack."""

    holds: bool
    message: str


def rederive(decision: Decision, packs: FrozenPacks, catalogue: Catalogue) -> Proof:
    """Decide again and compare.

    Args:
        decision: As it was recorded.
        packs: Where its pack is found.
        catalogue: Signals by which the pack compiles; the present one, as packs pin major versions.
    """
    try:
        sources = packs.get(decision.pack, decision.version).sources
        compiled = compile_pack(sources, catalogue, default_taxonomy())
    except UnknownNameError as error:
        return Proof(holds=False, message=error.message)
    except PolicyError as error:
        return Proof(holds=False, message=f"the pack no longer compiles with the signals installed here: {error}")
    if compiled.pack.digest != decision.digest:
        return Proof(holds=False, message=f"the pack on record is {compiled.pack.digest}, not {decision.digest}")
    again = evaluate(compiled, decision.inputs, decision.item)
    if canonical_json(again) != canonical_json(decision):
        return Proof(holds=False, message=f"deriving it again gives `{again.rule}` with `{again.action.value}`")
    return Proof(
        holds=True, message=f"`{decision.pack}` version {decision.version} gives the same decision, byte for byte"
    )
