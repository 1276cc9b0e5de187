"""Receivers of events, and how deliveries to them stand."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from noisegate.adapters.outbox.addresses import parse
from noisegate.adapters.store.records import Endpoint
from noisegate.api.answers import Answer, documented
from noisegate.api.errors import RequestError, errors
from noisegate.api.keys import Administering, owner
from noisegate.api.schemas.answers import DeliveriesOut, NewWebhookOut, WebhooksOut
from noisegate.api.schemas.requests import WebhookIn
from noisegate.api.state import api
from noisegate.core.errors import InvalidInputError
from noisegate.core.ids import ItemId

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


@router.post("", status_code=201, responses=documented(NewWebhookOut, 413, status=201))
def add_webhook(request: Request, key: Administering, said: WebhookIn) -> Answer:
    """Tell an address of every step of the gate, from now on.

    Events are signed as the Standard Webhooks specification has it, sent at least once and in order per item. Drop what
    has a `webhook-id` that was seen before. Only the answer to this request shows the secret.
    """
    system = api(request).system
    try:
        parse(said.url, private=system.settings.webhooks_may_reach_private_addresses)
    except InvalidInputError as error:
        raise RequestError(error, where="body.url") from error
    endpoint, secret = system.store.outbox.add_endpoint(said.url, kinds=said.kinds, actor=owner(key))
    return Answer({**_webhook(endpoint), "secret": secret}, status_code=201)


@router.get("", responses=documented(WebhooksOut))
def list_webhooks(request: Request, _key: Administering) -> Answer:
    """The receivers in use."""
    return Answer({"webhooks": [_webhook(endpoint) for endpoint in api(request).system.store.outbox.endpoints()]})


@router.get("/deliveries", responses=documented(DeliveriesOut))
def list_deliveries(
    request: Request,
    _key: Administering,
    item: Annotated[str | None, Query(description="Only about this item.")] = None,
    state: Annotated[
        Literal["pending", "delivered", "given_up"] | None, Query(description="Only those that stand here.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Answer:
    """How deliveries stand, newest event first; with the receiver's last answer when it was none."""
    found = api(request).system.store.outbox.deliveries(
        item=ItemId(item) if item is not None else None, state=state, limit=limit
    )
    return Answer(
        {
            "deliveries": [
                {
                    "event": one.event,
                    "kind": one.kind,
                    "item": one.item,
                    "webhook": one.endpoint,
                    "state": one.state,
                    "attempts": one.attempts,
                    "due_at": one.due_at,
                    "delivered_at": one.delivered_at,
                    "error": one.error,
                }
                for one in found
            ]
        }
    )


@router.delete(
    "/{webhook}", status_code=204, responses={204: {"description": "It is told nothing more."}, **errors(404)}
)
def remove_webhook(request: Request, key: Administering, webhook: str) -> Response:
    """Tell a receiver nothing more; what is still owed to it is dropped."""
    api(request).system.store.outbox.remove_endpoint(webhook, actor=owner(key))
    return Response(status_code=204)


def _webhook(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "kinds": sorted(endpoint.kinds),
        "created_at": endpoint.created_at,
    }
