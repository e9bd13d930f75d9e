"""Requests of another user of the machine, by real processes of that user."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hydra_vertex.service.start import ServiceProcess
from service.harness import PARENT, start

NOBODY = 65534
OTHER_USER = Path(__file__).with_name("other_user.py")
HOWS = ["rest", "google-rest", "google-grpc"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a program of another user")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with start(tmp_path_factory.mktemp("access") / "studies", "--grpc-port", "0") as running:
        yield running


def ask(service: ServiceProcess, how: str, uid: int, token_file: Path | None = None) -> tuple[int | None, str]:
    address = service.grpc if how == "google-grpc" else service.url
    files = [] if token_file is None else [str(token_file)]
    command = [sys.executable, str(OTHER_USER), str(uid), how, address, PARENT, *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    code, message = json.loads(done.stdout.splitlines()[-1])
    return code, message


@needs_root
@pytest.mark.parametrize("how", HOWS)
def test_another_user_is_refused_and_told_the_next_step(service: ServiceProcess, how: str) -> None:
    code, message = ask(service, how, NOBODY)
    assert code == 403
    assert "the connection is of user 65534" in message
    assert "for its own user, 0, only; send the token of service.token in the service's folder" in message


@needs_root
@pytest.mark.parametrize("how", HOWS)
def test_another_user_with_the_token_is_served(service: ServiceProcess, how: str) -> None:
    assert ask(service, how, NOBODY, service.token_file)[0] == 200


@needs_root
@pytest.mark.parametrize("how", HOWS)
def test_the_same_user_is_served_with_anonymous_credentials(service: ServiceProcess, how: str) -> None:
    assert ask(service, how, os.geteuid())[0] == 200


@needs_root
def test_root_is_another_user_of_a_service_that_does_not_run_as_root() -> None:
    """A proxy of root would let everyone in."""
    code = (
        "import os; from hydra_vertex.service.access.gate import Gate; gate = Gate('token', serves_own_user=True);"
        "os.seteuid(65534); gate.require_owner(65534, ''); gate.require_owner(0, '')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "the connection is of user 0, and the service runs commands for its own user, 65534, only" in done.stderr


def test_a_wrong_token_of_the_same_user_is_ignored(service: ServiceProcess) -> None:
    """Google's clients send the user's own credentials when they are not switched off."""
    headers = {"Authorization": "Bearer ya29.some-token-of-google"}
    answer = httpx.get(f"{service.url}/v1/{PARENT}/customJobs", headers=headers, trust_env=False)
    assert answer.status_code == 200


def test_the_token_is_new_at_each_start_and_only_the_user_can_read_it(tmp_path: Path) -> None:
    tokens = set()
    for _ in range(2):
        with start(tmp_path / "studies") as running:
            assert stat.S_IMODE(running.token_file.stat().st_mode) == 0o600
            assert stat.S_IMODE(running.token_file.parent.stat().st_mode) == 0o700
            tokens.add(running.token_file.read_text())
    assert len(tokens) == 2
    assert not running.token_file.exists()


def test_a_web_page_of_the_same_user_is_refused(service: ServiceProcess) -> None:
    jobs = f"{service.url}/v1/{PARENT}/customJobs"
    for headers in ({"Origin": "http://localhost"}, {"Host": "evil.example"}):
        assert httpx.get(jobs, headers=headers, trust_env=False).status_code == 403
    headers = {"Host": "forwarded.example", "Authorization": f"Bearer {service.token_file.read_text().strip()}"}
    assert httpx.get(jobs, headers=headers, trust_env=False).status_code == 200
