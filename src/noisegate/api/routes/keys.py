"""API keys: make, list, revoke."""

from typing import Any

from fastapi import APIRouter, Request, Response

from noisegate.adapters.store.records import ApiKey
from noisegate.api.answers import Answer, documented
from noisegate.api.errors import errors
from noisegate.api.keys import Administering, owner
from noisegate.api.schemas.answers import KeysOut, NewKeyOut
from noisegate.api.schemas.requests import KeyIn
from noisegate.api.state import api

router = APIRouter(prefix="/v1/keys", tags=["keys"])


@router.post("", status_code=201, responses=documented(NewKeyOut, 413, status=201))
def create_key(request: Request, key: Administering, said: KeyIn) -> Answer:
    """Make a key. Only the answer to this request shows its secret."""
    made, secret = api(request).system.store.keys.create(
        said.name, [scope.value for scope in said.scopes], actor=owner(key)
    )
    return Answer({**_shape(made), "secret": secret}, status_code=201)


@router.get("", responses=documented(KeysOut))
def list_keys(request: Request, _key: Administering) -> Answer:
    """Every key, revoked ones too, without secrets."""
    return Answer({"keys": [_shape(one) for one in api(request).system.store.keys.all()]})


@router.delete(
    "/{revoked}", status_code=204, responses={204: {"description": "From now on it opens nothing."}, **errors(404)}
)
def revoke_key(request: Request, key: Administering, revoked: str) -> Response:
    """Revoke a key. Other API processes may take it for a few seconds more."""
    here = api(request)
    here.system.store.keys.revoke(revoked, actor=owner(key))
    here.keyring.forget()
    return Response(status_code=204)


def _shape(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
