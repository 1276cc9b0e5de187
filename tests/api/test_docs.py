import json
import re
from pathlib import Path

import pytest

from noisegate.adapters.outbox.webhook import signed
from noisegate.api.main import described
from noisegate.flows.publish import wait_s

PAGE = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")
OPERATIONS = [
    f"{method.upper()} {path}" for path, methods in json.loads(described())["paths"].items() for method in methods
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_is_on_the_page(operation: str) -> None:
    """With its path as the document has it."""
    assert f"`{operation}`" in PAGE


def test_nothing_on_the_page_is_made_up() -> None:
    """No address that is not there."""
    assert set(re.findall(r"`((?:GET|POST|PUT|HEAD|DELETE) /\S+)`", PAGE)) - {"GET /openapi.json"} == set(OPERATIONS)


def test_the_pages_check_of_a_signature_works() -> None:
    """The code a reader copies accepts what is sent and nothing else."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    said: dict[str, object] = {}
    exec(code, said)
    is_genuine = said["is_genuine"]
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed(secret, event_id="itm_1:1", at=1_700_000_000, body=b"{}")
    assert is_genuine(secret, headers, b"{}")  # type: ignore[operator]
    assert not is_genuine(secret, headers, b"{ }")  # type: ignore[operator]
    assert not is_genuine(secret, {**headers, "webhook-id": "itm_1:2"}, b"{}")  # type: ignore[operator]


def test_the_pages_waits_are_the_real_ones() -> None:
    """Between the attempts of a delivery."""
    assert f"after {', '.join(f'{wait_s(attempt, 0.5):g}' for attempt in (1, 2, 3))}... seconds" in PAGE
