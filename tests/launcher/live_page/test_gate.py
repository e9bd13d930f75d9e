"""Which requests may see the page and use its buttons."""

from __future__ import annotations

import pytest

from hydra_vertex.launcher.live_page.gate import HEADER, PageGate, Purpose

GATE = PageGate(8123, "secret")
HOST = {"host": "127.0.0.1:8123"}
PURPOSES: tuple[Purpose, ...] = ("page", "data", "verb")


def refusal(purpose: Purpose, headers: dict[str, str] | None = None, *, token: str = "secret") -> str:  # noqa: S107
    """Return the refusal of a request with the token where it belongs."""
    given, query = {**HOST, **(headers or {})}, {}
    if purpose == "verb":
        given[HEADER] = token
    else:
        query["page"] = token
    return GATE.refusal(purpose, given, query)


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost:8123", "[::1]:8123", "LOCALHOST:8123"])
def test_the_own_page_is_answered(purpose: Purpose, host: str) -> None:
    own = {"host": host, "origin": f"http://{host.lower()}", "sec-fetch-site": "same-origin"}
    assert refusal(purpose, own) == ""
    assert refusal(purpose, {"host": host}) == ""


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8123"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:9"},
        {"host": "127.0.0.1.evil.example:8123"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8124"},
        {"origin": "https://127.0.0.1:8123"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
    ids=str,
)
def test_a_request_of_another_page_is_refused_also_with_the_token(purpose: Purpose, headers: dict[str, str]) -> None:
    assert refusal(purpose, headers)


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("token", ["", "wrong", "secret ", "Secret", "sécret"])
def test_without_the_token_nothing_is_answered(purpose: Purpose, token: str) -> None:
    assert "open the link" in refusal(purpose, token=token)


def test_a_verb_takes_the_token_from_its_header_only() -> None:
    """A form of another page can have a query, and no header."""
    assert "open the link" in GATE.refusal("verb", HOST, {"page": "secret"})


def test_a_link_that_is_followed_from_another_page_opens_the_page_only() -> None:
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert refusal("page", followed) == ""
    assert refusal("data", followed)
    assert refusal("verb", followed)


def test_the_token_is_not_in_the_text_of_the_gate() -> None:
    assert "secret" not in repr(GATE)
