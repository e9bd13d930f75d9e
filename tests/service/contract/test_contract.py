"""The contract, held by the embedded service: every check by every one of Google's clients, side by side."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from hydra_vertex.service.contract import Check, Endpoint, Finding, Verdict, all_checks, run_checks
from hydra_vertex.service.contract.__main__ import main
from service.harness import start

CHECKS = all_checks()
LIMIT_S = 180.0

# Google's libraries are run here, not ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with start(tmp_path_factory.mktemp("contract") / "studies", "--grpc-port", "0") as service:
        yield Endpoint(service.url, service.grpc)


@pytest.fixture(scope="module")
def findings(endpoint: Endpoint) -> Iterator[dict[str, Future[Finding]]]:
    """The slow ones wait most of their time, so that all are begun at once; what fails is reported by its own test."""
    # Google's packages import each other in circles, which several threads at once do not survive.
    importlib.import_module("google.cloud.aiplatform")
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        yield {str(check): pool.submit(lambda one=check: next(iter(run_checks(endpoint, [one])))) for check in CHECKS}


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_a_promise_of_the_api_is_held(findings: dict[str, Future[Finding]], check: Check) -> None:
    finding = findings[str(check)].result(LIMIT_S)
    if finding.verdict is Verdict.SKIPPED:
        pytest.skip(finding.reason)
    assert finding.verdict is Verdict.HELD, finding.reason


def test_a_token_is_carried_by_googles_clients(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token-of-sixteen\n")
    options = ("--grpc-port", "0", "--token-file", str(tmp_path / "token"))
    with start(tmp_path / "studies", *options) as service:
        wrong_field = [check for check in CHECKS if "refused by its field" in check.name]
        for token, verdict in [("a-token-of-sixteen", Verdict.HELD), ("", Verdict.BROKEN), ("another", Verdict.BROKEN)]:
            endpoint = Endpoint(service.url, service.grpc, token)
            assert [finding.verdict for finding in run_checks(endpoint, wrong_field)] == [verdict, verdict]


def test_the_command_says_what_is_held_what_is_skipped_and_what_is_broken(
    endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    only = ["--only", "refused by its field"]
    assert main(["--rest", endpoint.rest, *only]) == 0
    held, skipped = capsys.readouterr().out.splitlines()
    assert held.startswith("held")
    assert skipped.startswith("skipped")
    assert skipped.endswith(
        "gapic grpc: what is wrong is refused by its field (the service has no gRPC; start it with --grpc-port)"
    )

    assert main(["--rest", "http://127.0.0.1:9", *only]) == 1
    assert capsys.readouterr().out.startswith("BROKEN")
