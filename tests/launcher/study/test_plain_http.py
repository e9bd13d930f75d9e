"""Which endpoints may be reached without TLS."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.launcher.study.client import connect, limits_for
from hydra_vertex.launcher.study.plain_http import is_on_this_machine, require_allowed_http
from hydra_vertex.launcher.study.retry import GOOGLE, LOOPBACK, RetryLimits
from hydra_vertex.protocol.errors import ServiceError, UserError
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE
from hydra_vertex.service.start import ServiceProcess, start_service
from launcher.jobs import make_job

PARENT = "projects/local/locations/local"
TOKEN = "a-token-of-the-tests"  # noqa: S105 - of a service that ends with the test

IN_CLUSTER = [
    "http://tuning:8080",
    "http://tuning.studies.svc:8080",
    "http://tuning.studies.svc.cluster.local",
    "http://tuning.studies.svc.cluster.local.:8080",
    "http://tuning.studies.svc.my.domain",
    "http://10.96.0.7:8080",
    "http://192.168.1.2",
    "http://[fd00::7]:8080",
]
ELSEWHERE = [
    "http://example.com",
    "http://svc.example.com",
    "http://tuning.svc",
    "http://a.b.c.svc",
    "http://8.8.8.8",
    "http://[2001:4860:4860::8888]",
    "http://",
    "http://[::1",
    "http://127.0.0.1.evil.example",
    "http://user@evil.example",
]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080"])
def test_this_machine_needs_no_token(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    require_allowed_http(url, {})
    assert is_on_this_machine(url)
    assert limits_for(url) is LOOPBACK
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("variable", [TOKEN_VARIABLE, TOKEN_FILE_VARIABLE])
@pytest.mark.parametrize("url", IN_CLUSTER)
def test_a_service_of_the_cluster_needs_a_token(url: str, variable: str) -> None:
    require_allowed_http(url, {variable: "given"})
    with pytest.raises(UserError, match="and in a cluster with the service's token; set HYDRA_VERTEX_TOKEN from"):
        require_allowed_http(url, {variable: ""})
    assert limits_for(url) is GOOGLE


@pytest.mark.parametrize("url", ELSEWHERE)
def test_any_other_host_is_refused_also_with_a_token(url: str) -> None:
    with pytest.raises(UserError, match="plain http is allowed only on this machine"):
        require_allowed_http(url, {TOKEN_VARIABLE: "given"})


def test_what_is_sent_unencrypted_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        require_allowed_http("http://said-once:8080", {TOKEN_VARIABLE: "given"})
    said = "http://said-once:8080: the jobs and the service's token are sent unencrypted, unless the cluster encrypts\n"
    assert capsys.readouterr().err == said


def test_a_proxy_of_the_environment_gets_no_token(service: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
        limits = RetryLimits(total_s=1.0, late_s=1.0)
        job = make_job(max_trial_count=1, parallel_trial_count=1)
        assert connect("local", service.url, limits=limits).create(PARENT, job).name
        with pytest.raises(BlockingIOError):
            proxy.accept()


def own_address() -> str:
    """Return a private address of this machine other than loopback; skip without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address other than loopback")
        return str(probe.getsockname()[0])


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    options = ("--host", own_address(), "--token-file", str(token))
    with start_service(tmp_path / "studies", tmp_path / "service.log", 30.0, options) as running:
        yield running


def test_a_service_on_another_address_answers_only_with_its_token(
    service: ServiceProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    created = connect("local", service.url).create(PARENT, make_job(max_trial_count=1, parallel_trial_count=1))
    assert connect("local", service.url).get(created.name).name == created.name

    monkeypatch.setenv(TOKEN_VARIABLE, "another-token-of-the-tests")
    with pytest.raises(ServiceError, match=r"no usable Google credentials .* HYDRA_VERTEX_TOKEN_FILE"):
        connect("local", service.url).get(created.name)
