"""All contract checks of all of Google's clients, run in parallel against the embedded service."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from hydra_vertex.service.contract import Check, Endpoint, Finding, Verdict, all_checks, run_checks
from hydra_vertex.service.contract.__main__ import main
from service.harness import PIPELINE_RUNNER, start

CHECKS = all_checks()
LIMIT_S = 180.0

# Warnings of Google's libraries are not ours to fix.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with start(tmp_path_factory.mktemp("contract") / "studies", "--grpc-port", "0", *PIPELINE_RUNNER) as service:
        yield Endpoint(service.url, service.grpc)


@pytest.fixture(scope="module")
def findings(endpoint: Endpoint) -> Iterator[dict[str, Future[Finding]]]:
    """All checks, started at once because the slow ones mostly wait; each failure is reported by its own test."""
    # Google's packages have circular imports, which fail when several threads import them at once.
    importlib.import_module("google.cloud.aiplatform")
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        found = {str(check): pool.submit(lambda one=check: next(iter(run_checks(endpoint, [one])))) for check in CHECKS}
        # pytest changes os.environ between the phases of tests, while clients in other threads copy it.
        wait(found.values(), LIMIT_S)
        yield found


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_the_service_passes_the_check(findings: dict[str, Future[Finding]], check: Check) -> None:
    finding = findings[str(check)].result(LIMIT_S)
    if finding.verdict is Verdict.SKIPPED:
        pytest.skip(finding.reason)
    assert finding.verdict is Verdict.HELD, finding.reason


def test_googles_clients_send_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token-of-sixteen\n")
    options = ("--grpc-port", "0", "--token-file", str(tmp_path / "token"))
    with start(tmp_path / "studies", *options) as service:
        wrong_field = [check for check in CHECKS if "refused by its path" in check.name]
        for token, verdict in [("a-token-of-sixteen", Verdict.HELD), ("", Verdict.BROKEN), ("another", Verdict.BROKEN)]:
            endpoint = Endpoint(service.url, service.grpc, token)
            assert [finding.verdict for finding in run_checks(endpoint, wrong_field)] == [verdict, verdict]


def test_gcloud_sends_the_token_of_the_services_folder(tmp_path: Path) -> None:
    checks = [check for check in CHECKS if "gcloud" in str(check)]
    (tmp_path / "token").write_text("a-token-of-sixteen\n")
    with start(tmp_path / "studies", "--token-file", str(tmp_path / "token")) as service:
        (finding,) = run_checks(Endpoint(service.url, "", "a-token-of-sixteen"), checks)
    if finding.verdict is Verdict.SKIPPED:
        pytest.skip(finding.reason)
    assert finding.verdict is Verdict.HELD, finding.reason


def test_the_command_prints_held_skipped_and_broken_checks(
    endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    only = ["--only", "refused by its path"]
    assert main(["--rest", endpoint.rest, *only]) == 0
    held, skipped = capsys.readouterr().out.splitlines()
    assert held.startswith("held")
    assert skipped.startswith("skipped")
    assert skipped.endswith(
        "gapic grpc: a wrong field is refused by its path (the service has no gRPC; start it with --grpc-port)"
    )

    assert main(["--rest", "http://127.0.0.1:9", *only]) == 1
    assert capsys.readouterr().out.startswith("BROKEN")
