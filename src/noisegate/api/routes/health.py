"""Whether the process lives, and whether it can work. Open to everybody; says nothing else."""

from fastapi import APIRouter, Request

from noisegate.api.answers import Answer
from noisegate.api.errors import ErrorBody
from noisegate.api.schemas.answers import HealthOut
from noisegate.api.state import api

router = APIRouter(tags=["health"])


@router.get("/healthz", responses={200: {"model": HealthOut}})
async def check_health() -> Answer:
    """The process answers."""
    return Answer({"status": "ok"})


@router.get(
    "/readyz", responses={200: {"model": HealthOut}, 503: {"model": ErrorBody, "description": "It cannot work now."}}
)
def check_readiness(request: Request) -> Answer:
    """The process can work: it reaches its database."""
    api(request).system.store.ledger.head()
    return Answer({"status": "ready"})
