"""What this installation judges by: its policy packs and its signals."""

from typing import Any

from fastapi import APIRouter, Request

from noisegate.api.answers import Answer, documented
from noisegate.api.keys import Reading
from noisegate.api.schemas.answers import PackOut, PacksOut, SignalOut, SignalsOut
from noisegate.api.state import api
from noisegate.core.errors import UnknownNameError
from noisegate.core.modality import Modality
from noisegate.core.policy import PolicyPack
from noisegate.engine.catalogue import AnySignal
from noisegate.system import System

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/packs", responses=documented(PacksOut))
def list_packs(request: Request, _key: Reading) -> Answer:
    """The policy packs in force."""
    return Answer({"packs": [_pack(compiled.pack) for compiled in api(request).system.packs]})


@router.get("/packs/{name}", responses=documented(PackOut, 404))
def get_pack(request: Request, _key: Reading, name: str) -> Answer:
    """One policy pack."""
    packs = {compiled.pack.name: compiled.pack for compiled in api(request).system.packs}
    if name not in packs:
        raise UnknownNameError.among("policy pack", name, packs, hint="GET /v1/packs lists them")
    return Answer(_pack(packs[name]))


@router.get("/signals", responses=documented(SignalsOut))
def list_signals(request: Request, _key: Reading) -> Answer:
    """Every signal: those that run here, those that lack something, and the gaps nobody fills yet."""
    system = api(request).system
    return Answer({"signals": [_signal(system, signal) for signal in system.catalogue]})


@router.get("/signals/{name}", responses=documented(SignalOut, 404))
def get_signal(request: Request, _key: Reading, name: str) -> Answer:
    """One signal."""
    system = api(request).system
    return Answer(_signal(system, system.catalogue[name]))


def _pack(pack: PolicyPack) -> dict[str, Any]:
    return {
        "name": pack.name,
        "version": pack.version,
        "digest": pack.digest,
        "title": pack.title,
        "owner": pack.owner,
        "policy": pack.text,
        "signals": dict(pack.signals),
        "rules": [
            {
                "id": rule.id,
                "when": rule.when,
                "action": rule.then.action,
                "reason": rule.reason,
                "label": rule.label,
            }
            for rule in pack.rules
        ],
        "otherwise": pack.otherwise.action,
        "sample": pack.otherwise.sample,
        "if_missing": dict(pack.if_missing),
        "on_deadline": pack.on_deadline,
    }


def _signal(system: System, signal: AnySignal) -> dict[str, Any]:
    spec, missing = signal.spec, system.missing(signal)
    modality = getattr(signal.accepts, "modality", None)
    return {
        "name": spec.name,
        "version": spec.version,
        "fingerprint": signal.fingerprint,
        "kind": spec.kind,
        "summary": spec.summary,
        "reads": [modality] if modality is not None else list(Modality),
        "roles": sorted(role.value for role in spec.roles) if spec.roles is not None else None,
        "makes": {role.value: made.value for role, made in spec.makes.items()},
        "labels": dict(spec.labels),
        "facts": {name: kind.value for name, kind in spec.facts.items()},
        "installed": missing is None,
        "missing": missing,
        "licence": spec.licence,
        "languages": list(spec.languages),
        "limits": spec.limits,
    }
