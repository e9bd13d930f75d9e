"""The list of all contract checks, and the function that runs them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from . import gapic, gcloud, pipeline_components, pipelines, sdk
from .endpoint import Endpoint
from .expectation import Skipped

TRANSPORTS = ("rest", "grpc")


@dataclass(frozen=True, slots=True)
class Check:
    """One check by one client. `run` raises Skipped when it cannot run here, any other error when it fails."""

    client: str
    name: str
    run: Callable[[Endpoint], None]

    def __str__(self) -> str:
        return f"{self.client}: {self.name}"


class Verdict(Enum):
    """The result of a check."""

    HELD = "held"
    BROKEN = "BROKEN"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """A check with its result, the reason if it is not HELD, and its duration."""

    check: Check
    verdict: Verdict
    reason: str
    duration_s: float


def all_checks() -> tuple[Check, ...]:
    """Return the checks of all clients."""
    generated = [Check(f"gapic {way}", _title(each), _over(each, way)) for way in TRANSPORTS for each in gapic.CHECKS]
    generated += [
        Check(f"gapic {way}", _title(each), _pipelines_over(each, way))
        for way in TRANSPORTS
        for each in pipelines.CHECKS
    ]
    others: list[tuple[str, Callable[[Endpoint], None]]] = [
        ("google.cloud.aiplatform", sdk.check_custom_and_tuning_jobs_run_through_the_sdk),
        ("google.cloud.aiplatform", pipelines.check_a_pipeline_runs_through_the_sdk),
        ("gcloud", gcloud.check_gcloud_creates_describes_lists_and_cancels),
        ("pipeline components", pipeline_components.check_the_pipeline_components_launcher_runs_a_study),
        ("pipeline components", pipeline_components.check_the_pipeline_components_launcher_runs_a_custom_job),
    ]
    return (*generated, *(Check(client, _title(run), run) for client, run in others))


def run_checks(endpoint: Endpoint, checks: Iterable[Check]) -> Iterable[Finding]:
    """Run checks one after the other, and yield each finding when its check has ended."""
    for check in checks:
        began = time.monotonic()
        try:
            check.run(endpoint)
            verdict, reason = Verdict.HELD, ""
        except Skipped as error:
            verdict, reason = Verdict.SKIPPED, str(error)
        except Exception as error:
            verdict, reason = Verdict.BROKEN, f"{type(error).__name__}: {error}"
        yield Finding(check, verdict, reason, time.monotonic() - began)


def _over(check: gapic.Check, transport: str) -> Callable[[Endpoint], None]:
    def run(endpoint: Endpoint) -> None:
        with gapic.connect(endpoint, transport) as client:
            check(client, endpoint)

    return run


def _pipelines_over(check: pipelines.Check, transport: str) -> Callable[[Endpoint], None]:
    def run(endpoint: Endpoint) -> None:
        with pipelines.connect(endpoint, transport) as client:
            check(client, endpoint)

    return run


def _title(check: Callable[..., None]) -> str:
    return check.__name__.removeprefix("check_").replace("_", " ")
