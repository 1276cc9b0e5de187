"""Which addresses a webhook may go to.

Whoever may register a webhook could otherwise make this server talk to machines that only it can reach: cloud metadata,
databases, its own API. So names are resolved here, every answer is checked, and the delivery connects to the very
address that was checked: a name that changes its mind in between changes nothing.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from noisegate.core.errors import InvalidInputError, UnavailableError

_LONGEST = 2048
"""Characters of an address; proxies and logs cut longer ones."""
_DISGUISES = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")))
"""IPv6 ranges that carry an IPv4 address inside and count as public although that one may not be."""

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port -> IP addresses. Raises OSError."""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A checked address."""

    url: str
    host: str
    """As written, for the certificate and the Host header."""
    port: int
    secure: bool


def parse(url: str, *, private: bool) -> Receiver:
    """Take `url` apart.

    Args:
        url: As registered.
        private: Whether plain HTTP and private networks are allowed.

    Raises:
        InvalidInputError: it is not an address that webhooks may have; the message says which part.
    """
    if len(url) > _LONGEST or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise _refused(url, f"up to {_LONGEST} printable ASCII characters without blanks are allowed")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _refused(url, str(error)) from error
    if parts.scheme not in {"https", "http"}:
        raise _refused(url, f"the scheme is `{parts.scheme}`; allowed is `https`")
    if parts.scheme == "http" and not private:
        raise _refused(url, "plain `http` would show decisions to everybody on the way; use `https`", _HOW_PRIVATE)
    if not host:
        raise _refused(url, "it names no host")
    if parts.username is not None or parts.password is not None:
        raise _refused(url, "it holds a user name or password, which would end up in logs")
    if port == 0:
        raise _refused(url, "port 0 cannot be connected to")
    secure = parts.scheme == "https"
    receiver = Receiver(url=url, host=host, port=port or (443 if secure else 80), secure=secure)
    literal = _literal(host)
    if literal is not None and not private and not is_public(literal):
        raise _refused(url, f"{literal} is not a public address", _HOW_PRIVATE)
    return receiver


def resolve(receiver: Receiver, *, private: bool, resolver: Resolver | None = None) -> Sequence[str]:
    """The IP addresses to connect to, in the order to try them.

    Raises:
        UnavailableError: the name is not known, or one of its addresses may not be reached.
    """
    try:
        found = (resolver or _system)(receiver.host, receiver.port)
    except (OSError, UnicodeError) as error:
        raise UnavailableError(f"`{receiver.host}` cannot be resolved: {error}") from error
    forbidden = [address for address in found if not private and not is_public(address)]
    if forbidden:
        raise UnavailableError(f"`{receiver.host}` is {forbidden[0]}, which is not a public address", hint=_HOW_PRIVATE)
    if not found:
        raise UnavailableError(f"`{receiver.host}` has no address")
    return found


def is_public(address: str) -> bool:
    """Whether everybody on the internet means the same machine by this IP address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return ip.is_global and not ip.is_multicast and not any(ip in disguise for disguise in _DISGUISES)


_HOW_PRIVATE = "set NOISEGATE_WEBHOOKS_MAY_REACH_PRIVATE_ADDRESSES=true to allow it on a network you trust"


def _refused(url: str, why: str, hint: str | None = None) -> InvalidInputError:
    return InvalidInputError(f"a webhook cannot go to {url[:200]!r}: {why}", hint=hint)


def _literal(host: str) -> str | None:
    """The IP address that `host` spells, also in the short and octal forms that the system's resolver takes."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def _system(host: str, port: int) -> list[str]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))
