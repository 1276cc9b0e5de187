"""Files sent on their own, before the item that refers to them: for programs, and for large files."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Path, Request, Response

from noisegate.api.answers import Answer, documented
from noisegate.api.errors import errors
from noisegate.api.intake import Arrived, receive
from noisegate.api.keys import Submitting
from noisegate.api.schemas.answers import DIGEST, BlobOut
from noisegate.api.state import api
from noisegate.core.errors import InvalidInputError
from noisegate.core.ids import Digest

router = APIRouter(prefix="/v1/blobs", tags=["blobs"])

_BODY = {
    "requestBody": {
        "required": True,
        "description": "The bytes of the file.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
DigestPath = Annotated[
    str, Path(pattern=r"^sha256:[0-9a-f]{64}$", description="SHA-256 of the file.", examples=[DIGEST])
]


@router.put("", status_code=201, responses=documented(BlobOut, 413, status=201), openapi_extra=_BODY)
async def put_blob(request: Request, _key: Submitting) -> Answer:
    """Send a file as it is; the answer names it for `assets` of an item. Without an item it goes after a day."""
    return await _keep(request, None)


@router.put("/{digest}", status_code=201, responses=documented(BlobOut, 413, status=201), openapi_extra=_BODY)
async def put_named_blob(request: Request, _key: Submitting, digest: DigestPath) -> Answer:
    """Send a file whose digest is known; bytes that got lost or changed on the way are refused."""
    return await _keep(request, digest)


@router.head("/{digest}", responses={200: {"description": "It is kept."}, **errors(404)})
def has_blob(request: Request, _key: Submitting, digest: DigestPath) -> Response:
    """Ask whether a file has to be sent at all."""
    size = api(request).system.blobs.size(Digest(digest))
    return Response(status_code=404) if size is None else Response(headers={"x-blob-size": str(size)})


async def _keep(request: Request, digest: str | None) -> Answer:
    here = api(request)
    with here.incoming.place() as place:
        arrived: Arrived = await receive(request, place, here.limits)
        if digest is not None and arrived.digest != digest:
            raise InvalidInputError(
                f"the bytes that came have the digest {arrived.digest}, not {digest}", hint="send the file again"
            )
        put = here.system.blobs.put_file
        await to_thread.run_sync(put, arrived.digest, str(arrived.path), limiter=here.uploads)
    return Answer({"digest": arrived.digest, "size": arrived.size}, status_code=201)
