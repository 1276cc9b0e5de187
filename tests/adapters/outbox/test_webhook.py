import base64
import hashlib
import hmac
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from noisegate.adapters.outbox.webhook import WebhookOutbox, signed
from noisegate.core.errors import InvalidInputError, UnavailableError

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def receiver(answer: Answer) -> Iterator[str]:
    """A real HTTP server on loopback that answers as told; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # callers that left are expected here
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Starts receivers and stops them."""
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(receiver(answer))


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer `code` after reading the request."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers["content-length"]))
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def send(address: str, *, timeout_s: float = 5.0, private: bool = True) -> None:
    """Deliver a small event."""
    outbox = WebhookOutbox(private=private, timeout_s=timeout_s, clock=lambda: 1_700_000_000.0)
    outbox.deliver(address=address, secret=SECRET, event_id="evt_1", body=b'{"state":"released"}')


def test_a_receiver_can_check_who_sent_what_and_when(serve: Callable[[Answer], str]) -> None:
    """Id, time and body are under the signature, as the Standard Webhooks specification has it."""
    seen: dict[str, object] = {}

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.update(request.headers.items())
        seen["body"] = request.rfile.read(int(request.headers["content-length"]))
        request.send_response(204)
        request.end_headers()

    send(serve(answer))
    expected = hmac.new(
        b"0123456789abcdef0123456789abcdef", b'evt_1.1700000000.{"state":"released"}', hashlib.sha256
    ).digest()
    assert seen["body"] == b'{"state":"released"}'
    assert seen["webhook-id"] == "evt_1"
    assert seen["webhook-timestamp"] == "1700000000"
    assert seen["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    assert seen["content-type"] == "application/json"


def test_the_signature_is_that_of_the_specifications_example() -> None:
    """A vector from the specification's own documentation."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed(secret, event_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=1614265330, body=b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_that_is_none_is_refused() -> None:
    """Rather than signing with something guessable."""
    with pytest.raises(InvalidInputError, match="base64"):
        signed("whsec_not base64!", event_id="evt_1", at=0, body=b"")


@pytest.mark.parametrize("code", [200, 202, 204])
def test_any_2xx_is_an_acceptance(serve: Callable[[Answer], str], code: int) -> None:
    """Nothing is raised."""
    send(serve(status(code)))


@pytest.mark.parametrize("code", [400, 404, 410, 429, 500, 503])
def test_any_other_status_is_not(serve: Callable[[Answer], str], code: int) -> None:
    """The message quotes what the receiver said."""
    with pytest.raises(UnavailableError, match=f"answered {code}: queue is full"):
        send(serve(status(code, b"queue  is\nfull\0")))


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_redirects_are_not_followed(serve: Callable[[Answer], str], code: int) -> None:
    """A checked address must not lead to an unchecked one."""
    visits: list[str] = []
    target = serve(lambda request: visits.append(request.path))
    with pytest.raises(UnavailableError, match="redirects are not followed"):
        send(serve(status(code, location=target)))
    assert visits == []


def test_an_answer_after_the_time_is_no_acceptance(serve: Callable[[Answer], str]) -> None:
    """The receiver says 200, but too late: it will get the event again."""
    done = threading.Event()

    def late(request: BaseHTTPRequestHandler) -> None:
        done.wait(5)
        status(200)(request)

    address = serve(late)
    with pytest.raises(UnavailableError, match=r"not answered after 0\.2 s"):
        send(address, timeout_s=0.2)
    done.set()


def test_finding_the_address_is_on_the_same_clock(serve: Callable[[Answer], str]) -> None:
    """Otherwise a slow name server lets a delivery outlive its lease, and an old event arrives after a newer one."""
    heard: list[str] = []

    def hear(request: BaseHTTPRequestHandler) -> None:
        heard.append(request.path)
        status(200)(request)

    def slow(_host: str, _port: int) -> list[str]:
        threading.Event().wait(0.15)
        return ["127.0.0.1"]

    outbox = WebhookOutbox(private=True, timeout_s=0.1, resolver=slow)
    with pytest.raises(UnavailableError, match=r"not answered after 0\.1 s"):
        outbox.deliver(address=serve(hear), secret=SECRET, event_id="evt_1", body=b"{}")
    assert heard == []


def test_a_receiver_that_drips_its_answer_is_left_at_the_same_time(serve: Callable[[Answer], str]) -> None:
    """Each byte comes quickly; the whole never does."""
    done = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        try:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
            while not done.wait(0.02):
                request.wfile.write(b"x")
        except OSError:
            pass

    address = serve(drip)
    with pytest.raises(UnavailableError, match=r"not answered after 0\.3 s"):
        send(address, timeout_s=0.3)
    done.set()


def test_an_endless_body_is_not_read(serve: Callable[[Answer], str]) -> None:
    """A success is known from its status, an error from its first words."""
    sent = []

    def endless(code: int) -> Answer:
        def answer(request: BaseHTTPRequestHandler) -> None:
            try:
                request.send_response(code)
                request.end_headers()
                while True:
                    sent.append(request.wfile.write(b"and so on " * 1000))
            except OSError:
                pass

        return answer

    send(serve(endless(200)))
    with pytest.raises(UnavailableError, match="answered 500: and so on"):
        send(serve(endless(500)))
    assert sum(sent) < 50_000_000


def test_a_receiver_that_is_down_is_said_to_be() -> None:
    """Connection refused."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UnavailableError, match="could not be reached"):
        send(f"http://127.0.0.1:{port}/")


def test_a_receiver_that_speaks_no_http_is_no_acceptance(serve: Callable[[Answer], str]) -> None:
    """Whatever comes instead of an answer."""
    with pytest.raises(UnavailableError, match="could not be reached"):
        send(serve(lambda request: request.wfile.write(b"\x00\x01 220 smtp ready\r\n") and None))


def test_the_connection_goes_to_the_address_that_was_checked(serve: Callable[[Answer], str]) -> None:
    """The name is asked for once; the receiver still sees it as the host."""
    hosts: list[str | None] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        hosts.append(request.headers["host"])
        status(200)(request)

    port = int(serve(answer).split(":")[2].split("/")[0])
    asked: list[str] = []

    def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    outbox = WebhookOutbox(private=True, resolver=resolver)
    outbox.deliver(address=f"http://hooks.test:{port}/x", secret=SECRET, event_id="evt_1", body=b"{}")
    assert asked == ["hooks.test"]
    assert hosts == [f"hooks.test:{port}"]


def test_the_next_address_of_a_name_is_tried_when_one_is_down(serve: Callable[[Answer], str]) -> None:
    """A name with several addresses is reachable while one of them is."""
    port = int(serve(status(200)).split(":")[2].split("/")[0])
    outbox = WebhookOutbox(private=True, resolver=lambda *_: ["127.0.0.2", "127.0.0.1"])
    outbox.deliver(address=f"http://hooks.test:{port}/x", secret=SECRET, event_id="evt_1", body=b"{}")


def test_private_networks_are_out_of_reach_unless_allowed(serve: Callable[[Answer], str]) -> None:
    """Registered while it was allowed, delivered when it no longer is."""
    visits: list[str] = []
    address = serve(lambda request: visits.append(request.path))
    with pytest.raises(UnavailableError, match="plain `http`"):
        send(address, private=False)
    outbox = WebhookOutbox(resolver=lambda *_: ["127.0.0.1"])
    with pytest.raises(UnavailableError, match="not a public address"):
        outbox.deliver(address="https://sly.example.org/", secret=SECRET, event_id="evt_1", body=b"{}")
    assert visits == []
