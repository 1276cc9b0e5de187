"""Verdicts at once, for words and small pictures that are not uploads."""

import asyncio
import time
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request

from noisegate.api.answers import Answer, documented
from noisegate.api.intake import Place
from noisegate.api.keys import Submitting
from noisegate.api.schemas.answers import VerdictOut
from noisegate.api.schemas.requests import PictureIn, VerdictIn
from noisegate.api.state import Api, api
from noisegate.core.errors import InvalidInputError
from noisegate.core.modality import Role
from noisegate.core.ports import Assessment
from noisegate.engine.shapes import decision_shape, failure_shape, finding_shape
from noisegate.flows.submit import File
from noisegate.flows.verdict import Question

router = APIRouter(prefix="/v1/verdicts", tags=["verdicts"])


@router.post("", responses=documented(VerdictOut, 413))
async def give_verdict(request: Request, _key: Submitting, said: VerdictIn) -> Answer:
    """Judge words or a small picture now.

    The same signals and packs as for uploads. Packs that are still open after `deadline_ms` follow their `on_deadline`.
    Nothing is kept; how often which rule decided is counted in the ledger.
    """
    here = api(request)
    began = time.perf_counter()
    assessment = await asyncio.get_running_loop().run_in_executor(here.judges, _judge, here, said, began)
    return Answer({**_shape(assessment), "took_ms": round((time.perf_counter() - began) * 1000, 2)})


def _judge(here: Api, said: VerdictIn, began: float) -> Assessment:
    question = Question(
        texts=said.texts,
        kind=said.kind,
        markets=frozenset(said.markets),
        surface=said.surface,
        declared={name: value for name, value in said.declared.model_dump().items() if value is not None},
        deadline_s=said.deadline_ms / 1000 - (time.perf_counter() - began),
    )
    if said.picture is None:
        return here.system.judge.verdict(question)
    with here.incoming.place() as place:
        return here.system.judge.verdict(_with_picture(question, said.picture, place))


def _with_picture(question: Question, sent: PictureIn, place: Place) -> Question:
    if not sent.data:
        raise InvalidInputError("the picture has no bytes", hint="`picture.data` is the file in base64")
    arrived = place.keep(sent.data)
    picture = File(name=sent.name, digest=arrived.digest, role=Role.PICTURE, path=arrived.path)
    return replace(question, pictures=(picture,))


def _shape(assessment: Assessment) -> dict[str, Any]:
    return {
        "action": assessment.outcome.action,
        "markets": {market: action.value for market, action in sorted(assessment.outcome.markets.items())},
        "labels": list(assessment.outcome.labels),
        "decisions": [decision_shape(decision) for decision in assessment.decisions],
        "findings": [finding_shape(finding) for finding in assessment.findings],
        "failures": [failure_shape(failure) for failure in assessment.failures],
        "settled": assessment.settled,
    }
