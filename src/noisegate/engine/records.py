"""Reads decisions back from the JSON that `core.ids.plain` makes of them.

A decision that was recorded can be checked for ever: read it, compile the pack its digest names, and evaluate the
inputs it holds. The result is the same, byte for byte.
"""

from collections.abc import Mapping
from typing import Any

from noisegate.core.decision import Decision, Gap, Inputs, Known, Missing, Observation
from noisegate.core.ids import Digest, ItemId
from noisegate.core.modality import Role
from noisegate.core.policy import Action


def decision_from_json(stored: Mapping[str, Any]) -> Decision:
    """The decision again. Raises KeyError or ValueError when `stored` is none."""
    return Decision(
        item=ItemId(stored["item"]),
        pack=stored["pack"],
        version=stored["version"],
        digest=Digest(stored["digest"]),
        rule=stored["rule"],
        action=Action(stored["action"]),
        markets=tuple(stored["markets"]),
        label=stored.get("label"),
        labels=tuple(stored["labels"]),
        surfaces=tuple(stored["surfaces"]),
        queue=stored["queue"],
        reason=stored["reason"],
        sampled=stored["sampled"],
        missing=tuple(stored["missing"]),
        inputs=inputs_from_json(stored["inputs"]),
    )


def inputs_from_json(stored: Mapping[str, Any]) -> Inputs:
    """The inputs of a decision again. Raises KeyError or ValueError when `stored` is none."""
    return Inputs(
        item={name: tuple(value) if isinstance(value, list) else value for name, value in stored["item"].items()},
        known={name: _known(known) for name, known in stored["known"].items()},
        fingerprints=dict(stored["fingerprints"]),
        dice=stored["dice"],
    )


def _known(stored: Mapping[str, Any]) -> Known:
    return Known(
        observations=tuple(
            Observation(
                role=Role(o["role"]),
                score=o["score"],
                places=tuple((score, seconds) for score, seconds in o["places"]),
            )
            for o in stored["observations"]
        ),
        missing=tuple(
            Missing(role=Role(m["role"]), gap=Gap(m["gap"]), signal=m["signal"], message=m["message"])
            for m in stored["missing"]
        ),
        facts=tuple((Role(role), value) for role, value in stored["facts"]),
    )
