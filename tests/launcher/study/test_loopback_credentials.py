"""The launcher's client of a service on this machine that requires its token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.launcher.study.client import connect
from hydra_vertex.launcher.study.loopback_credentials import loopback_credentials, service_token
from hydra_vertex.protocol.errors import OutputError, ServiceError, UserError
from service.harness import PARENT, start

TOKEN = "a-token-of-sixteen"  # noqa: S105 - of the service that the fixture starts


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("token")
    (folder / "token").write_text(TOKEN)
    with start(folder / "studies", "--token-file", str(folder / "token")) as service:
        yield service.url


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HYDRA_VERTEX_TOKEN", "HYDRA_VERTEX_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_the_client_sends_the_token_of_the_named_file(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("HYDRA_VERTEX_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("HYDRA_VERTEX_TOKEN", "that-of-another-service")
    assert connect("l", url).list(PARENT) == ()


def test_the_client_sends_the_token_of_the_variable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_VERTEX_TOKEN", TOKEN)
    assert connect("l", url).list(PARENT) == ()


@pytest.mark.parametrize("token", ["", "another-token-of-some-length"])
def test_a_client_without_the_token_is_told_how_to_name_it(
    url: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYDRA_VERTEX_TOKEN", token)
    with pytest.raises(ServiceError, match="set HYDRA_VERTEX_TOKEN_FILE to the file of its token"):
        connect("l", url).list(PARENT)


def test_a_token_that_cannot_be_read_or_sent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="none: cannot be read as a token"):
        service_token({"HYDRA_VERTEX_TOKEN_FILE": str(tmp_path / "none")})
    with pytest.raises(UserError, match=r"\$HYDRA_VERTEX_TOKEN: expected one token"):
        loopback_credentials({"HYDRA_VERTEX_TOKEN": "two words"})
