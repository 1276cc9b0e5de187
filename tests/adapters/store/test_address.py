import pytest

from noisegate.adapters.store.address import for_psycopg, for_sqlalchemy
from noisegate.core.errors import InvalidInputError


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_an_address_serves_both_drivers(scheme: str) -> None:
    """One DATABASE_URL is enough, however it is written."""
    url = f"{scheme}://user@/noisegate?host=%2Fsome%20where"
    assert for_psycopg(url) == "postgresql://user@/noisegate?host=%2Fsome%20where"
    assert for_sqlalchemy(url) == "postgresql+psycopg://user@/noisegate?host=%2Fsome%20where"


@pytest.mark.parametrize(("url", "scheme"), [("mysql://host/db", "mysql"), ("noisegate.db", "(none)")])
def test_another_database_is_refused_by_name(url: str, scheme: str) -> None:
    """The message names the scheme and says how an address looks."""
    with pytest.raises(InvalidInputError, match=r"only PostgreSQL") as caught:
        for_psycopg(url)
    assert f"`{scheme}`" in str(caught.value)
    assert "DATABASE_URL=postgresql://" in str(caught.value)
