import pytest

from noisegate.adapters.outbox.addresses import is_public, parse, resolve
from noisegate.core.errors import InvalidInputError, UnavailableError


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.7",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",  # cloud metadata
        "100.64.0.1",  # carriers' shared space
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",  # IPv4 inside IPv6
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_addresses_that_only_this_machine_may_reach_are_not_public(address: str) -> None:
    """Loopback, private, link-local, multicast, and IPv4 in disguise."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946"])
def test_ordinary_addresses_are_public(address: str) -> None:
    """What everybody can reach."""
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.org/", "scheme is `ftp`"),
        ("file:///etc/passwd", "scheme is `file`"),
        ("example.org/hook", "scheme is ``"),
        ("http://example.org/hook", "plain `http`"),
        ("https://", "names no host"),
        ("https://user:word@example.org/", "user name or password"),
        ("https://example.org:0/", "port 0"),
        ("https://example.org:99999/", "out of range"),
        ("https://[::1/", "Invalid IPv6"),
        ("https://exa mple.org/", "without blanks"),
        ("https://example.org/\r\nx: y", "without blanks"),
        ("https://example.org/" + "x" * 3000, "2048"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://127.1/", "not a public address"),
        ("https://0x7f000001/", "not a public address"),
        ("https://2130706433/", "not a public address"),
        ("https://017700000001/", "not a public address"),
        ("https://[::1]/", "not a public address"),
        ("https://169.254.169.254/latest/meta-data", "not a public address"),
    ],
)
def test_addresses_that_a_webhook_may_not_have_are_refused_with_the_reason(url: str, why: str) -> None:
    """Also the short, hexadecimal and octal spellings of an address."""
    with pytest.raises(InvalidInputError, match=why):
        parse(url, private=False)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://hooks.example.org/noisegate?a=b", "hooks.example.org", 443),
        ("https://hooks.example.org:8443/", "hooks.example.org", 8443),
        ("https://[2606:2800:220:1:248:1893:25c8:1946]/", "2606:2800:220:1:248:1893:25c8:1946", 443),
    ],
)
def test_an_ordinary_address_is_taken_apart(url: str, host: str, port: int) -> None:
    """Host for the certificate, port with its default."""
    receiver = parse(url, private=False)
    assert (receiver.host, receiver.port, receiver.secure) == (host, port, True)


def test_the_setting_opens_loopback_and_plain_http() -> None:
    """For trying things out."""
    assert parse("http://127.0.0.1:9000/", private=True).port == 9000
    assert resolve(parse("http://localhost/", private=True), private=True, resolver=lambda *_: ["127.0.0.1"])


def test_a_name_with_one_private_address_is_refused() -> None:
    """Mixing a public with a private answer is how name tricks work."""
    receiver = parse("https://sly.example.org/", private=False)
    with pytest.raises(UnavailableError, match=r"10\.0\.0\.1, which is not a public address"):
        resolve(receiver, private=False, resolver=lambda *_: ["8.8.8.8", "10.0.0.1"])


def test_a_name_that_nobody_knows_is_said_to_be_unknown() -> None:
    """The receiver's trouble, to be tried again."""

    def nobody(_host: str, _port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(UnavailableError, match="cannot be resolved"):
        resolve(parse("https://gone.example.org/", private=False), private=False, resolver=nobody)
