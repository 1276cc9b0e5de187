"""Sends one event to one receiver, signed in the way of the Standard Webhooks specification.

The receiver is a stranger: it may be slow, endless, redirect elsewhere, or answer after we stopped listening. One
clock covers the whole exchange, redirects are refused, and of the answer only the status and the first words are read.
Only a 2xx status within the time is an acceptance. When to try again is not decided here.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ssl
import time
from collections.abc import Callable, Sequence
from functools import cached_property

import httpx

from noisegate.adapters.outbox.addresses import Receiver, Resolver, parse, resolve
from noisegate.core.errors import InvalidInputError, UnavailableError

_SECRET = "whsec_"  # noqa: S105 - the prefix of every secret, not one of them
_HEARD = 512
"""Bytes of an error's body that are read, for the operator's eyes."""
_ATTEMPTED = 3
"""Addresses of one name that are tried."""


class WebhookOutbox:
    """A `core.ports.Outbox` over HTTP."""

    def __init__(
        self,
        *,
        private: bool = False,
        timeout_s: float = 10.0,
        clock: Callable[[], float] = time.time,
        resolver: Resolver | None = None,
    ) -> None:
        """Prepare.

        Args:
            private: Whether plain HTTP and private networks are allowed.
            timeout_s: Seconds for one whole delivery; 10: a receiver that queues what it gets needs milliseconds.
            clock: Seconds since 1970, for the signature.
            resolver: Name -> addresses; the system's when None.
        """
        self._private = private
        self._timeout_s = timeout_s
        self._clock = clock
        self._resolver = resolver

    def deliver(self, *, address: str, secret: str, event_id: str, body: bytes) -> None:
        """Send `body` once, signed.

        Raises:
            UnavailableError: anything but a 2xx status within the time; the message says what came instead.
        """
        try:
            receiver = parse(address, private=self._private)
        except InvalidInputError as error:  # allowed when it was registered, not any more
            raise UnavailableError(error.message, hint=error.hint) from error
        until = time.monotonic() + self._timeout_s
        addresses = resolve(receiver, private=self._private, resolver=self._resolver)[:_ATTEMPTED]
        headers = {
            "content-type": "application/json",
            "user-agent": "noisegate",
            **signed(secret, event_id=event_id, at=int(self._clock()), body=body),
        }
        try:
            asyncio.run(self._send(receiver, addresses, headers, body, until=until))
        except TimeoutError as error:
            raise UnavailableError(f"`{receiver.host}` had not answered after {self._timeout_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise UnavailableError(f"`{receiver.host}` could not be reached: {_words(error)}") from error

    async def _send(
        self, receiver: Receiver, addresses: Sequence[str], headers: dict[str, str], body: bytes, *, until: float
    ) -> None:
        url = httpx.URL(receiver.url)
        async with (
            asyncio.timeout(until - time.monotonic()),
            httpx.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=None) as client,  # noqa: S113 - the clock above covers everything
        ):
            for address in addresses:
                request = client.build_request(
                    "POST",
                    url.copy_with(host=address),
                    headers={**headers, "host": url.netloc.decode("ascii")},
                    content=body,
                    extensions={"sni_hostname": receiver.host},
                )
                try:
                    response = await client.send(request, stream=True)
                except httpx.ConnectError:
                    if address == addresses[-1]:
                        raise
                    continue
                try:
                    await _judge(receiver, response)
                finally:
                    await response.aclose()
                return

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)


async def _judge(receiver: Receiver, response: httpx.Response) -> None:
    if response.is_success:
        return
    if response.is_redirect:
        raise UnavailableError(f"`{receiver.host}` answered {response.status_code}: redirects are not followed")
    said = b""
    async for chunk in response.aiter_raw(_HEARD):
        said += chunk
        if len(said) >= _HEARD:
            break
    words = " ".join(said[:_HEARD].decode("utf-8", "replace").replace("\0", "").split())
    raise UnavailableError(f"`{receiver.host}` answered {response.status_code}: {words or '(nothing)'}")


def signed(secret: str, *, event_id: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers by which a receiver knows that `body` came from us, and when.

    Args:
        secret: `whsec_` and the key in base64.
        event_id: The same for every attempt, so that a receiver can drop what it has seen.
        at: Seconds since 1970.
        body: The exact bytes that are sent.

    Raises:
        InvalidInputError: the secret is not one.
    """
    mac = hmac.new(_key(secret), f"{event_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_SECRET), validate=True)
    except binascii.Error as error:
        raise InvalidInputError("a webhook's secret is `whsec_` followed by base64") from error


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
