"""Decisions: what was concluded, from what, and whether it follows."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from noisegate.adapters.store.records import StoredDecision
from noisegate.api.answers import Answer, documented
from noisegate.api.keys import Reading
from noisegate.api.schemas.answers import DECISION, DecisionsOut, FullDecisionOut, VerificationOut
from noisegate.api.state import api
from noisegate.core.ids import DecisionId, ItemId
from noisegate.core.policy import Action
from noisegate.engine.shapes import decision_shape
from noisegate.flows.rederive import rederive

router = APIRouter(prefix="/v1/decisions", tags=["decisions"])


@router.get("", responses=documented(DecisionsOut))
def list_decisions(
    request: Request,
    _key: Reading,
    item: Annotated[str | None, Query(description="Only of this item.")] = None,
    pack: Annotated[str | None, Query(description="Only by this pack.")] = None,
    action: Annotated[Action | None, Query(description="Only with this action.")] = None,
    before: Annotated[str | None, Query(description="`next` of the page before.", examples=[DECISION])] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Answer:
    """Decisions, newest first; superseded ones too."""
    found = api(request).system.store.decisions(
        item=ItemId(item) if item is not None else None,
        pack=pack,
        action=action,
        before=DecisionId(before) if before is not None else None,
        limit=limit + 1,
    )
    page = found[:limit]
    return Answer({"decisions": [_shape(one) for one in page], "next": page[-1].id if len(found) > limit else None})


@router.get("/{decision}", responses=documented(FullDecisionOut, 404))
def get_decision(request: Request, _key: Reading, decision: str) -> Answer:
    """A decision with its exact inputs."""
    stored = api(request).system.store.decision(DecisionId(decision))
    return Answer(_shape(stored, inputs=True))


@router.get("/{decision}/verify", responses=documented(VerificationOut, 404))
def verify_decision(request: Request, _key: Reading, decision: str) -> Answer:
    """Derive a decision again from its inputs and its pack as they were, and compare byte for byte."""
    system = api(request).system
    stored = system.store.decision(DecisionId(decision))
    proof = rederive(stored.decision, system.store.packs, system.catalogue)
    return Answer({"decision": stored.id, "holds": proof.holds, "message": proof.message})


def _shape(stored: StoredDecision, *, inputs: bool = False) -> dict[str, Any]:
    shape = decision_shape(stored.decision, inputs=inputs)
    return {**shape, "item": stored.decision.item, "at": stored.at}
