"""What the options of a command set in the trials' `CustomJobSpec`, apart from the worker pools. Pure.

Source of the fields: the comments of custom_job.proto in google/cloud/aiplatform/v1.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hydra_vertex.job import TrialJobSpec, WorkerPoolSpec
from hydra_vertex.job.fields import format_duration
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject

STRATEGIES: Mapping[str, str] = {
    "standard": "STANDARD",
    "on-demand": "STANDARD",
    "spot": "SPOT",
    "flex-start": "FLEX_START",
}
"""The names of `--strategy`, and the value of Scheduling.Strategy. The API's own ON_DEMAND and LOW_COST are deprecated:
a search file may have them."""

PROVISIONING = ("SPOT", "FLEX_START")
"""The strategies that have an effect only on machines that are provisioned for the job."""

RESTARTS: Mapping[str, JsonObject] = {
    "worker": {"restartJobOnWorkerRestart": False, "disableRetries": False},
    "job": {"restartJobOnWorkerRestart": True, "disableRetries": False},
    "never": {"restartJobOnWorkerRestart": False, "disableRetries": True},
}
"""The names of `--restart`: after a failure of the infrastructure, the service restarts the worker (its default), all
workers of the trial, or nothing."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A boot disk. `type` is empty for the machine's default type."""

    type: str
    size_gb: int


@dataclass(frozen=True, slots=True)
class TrialSettings:
    """What the options say about the trials' machines. None or empty keeps the value of the search file.

    `root` is a folder in a bucket, in which each study gets a folder of its own. `account` is the account of trials for
    which neither `trial_account` nor the search file names one. `strategy` is a name of the API. `max_wait_s` 0 waits
    without a limit.
    """

    root: str = ""
    image: str = ""
    machine_type: str = ""
    accelerator: str = ""
    accelerator_count: int | None = None
    disk: Disk | None = None
    pools: tuple[WorkerPoolSpec, ...] = ()
    strategy: str = ""
    max_wait_s: float | None = None
    restart: str = ""
    persistent_resource: str = ""
    network: str = ""
    reserved_ip_ranges: tuple[str, ...] = ()
    network_attachment: str = ""
    account: str = ""
    trial_account: str = ""
    tensorboard: str = ""
    encryption_key: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


ACCOUNT = (r"[^@\s]+@[^@\s]+", "an address such as NAME@PROJECT.iam.gserviceaccount.com")
FORMS = {
    "--network": (
        r"projects/[^/\s]+/global/networks/[^/\s]+",
        "projects/PROJECT_NUMBER/global/networks/NETWORK",
    ),
    "--encryption-key": (
        r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+",
        "projects/P/locations/L/keyRings/RING/cryptoKeys/KEY",
    ),
    "--tensorboard": (
        r"projects/[^/\s]+/locations/[^/\s]+/tensorboards/[^/\s]+",
        "projects/P/locations/L/tensorboards/ID",
    ),
    "--persistent-resource": (r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", "the id of a persistent resource, such as my-gpus"),
    "--service-account": ACCOUNT,
    "--trial-service-account": ACCOUNT,
}
"""The form of the resource names that the options take: a pattern, and its description."""


def require_forms(settings: TrialSettings) -> None:
    """Check the names of resources. Raises UserError naming the option and the form."""
    given = {
        "--network": settings.network,
        "--encryption-key": settings.encryption_key,
        "--tensorboard": settings.tensorboard,
        "--persistent-resource": settings.persistent_resource,
        "--service-account": settings.account,
        "--trial-service-account": settings.trial_account,
    }
    for option, text in given.items():
        pattern, form = FORMS[option]
        if text and re.fullmatch(pattern, text) is None:
            raise UserError(f"{option} {text}: expected {form}")


def with_job_settings(spec: TrialJobSpec, settings: TrialSettings, source: str) -> TrialJobSpec:
    """Return `spec` with the fields that the settings name; each replaces the search file's.

    Raises UserError for fields that do not go together, also when one of them is in the search file (`source`).
    """
    scheduling = {**spec.scheduling, **dict(_scheduling(settings))}
    account: JsonObject = {"serviceAccount": settings.account} if settings.account else {}
    result = dataclasses.replace(
        spec, scheduling=scheduling, other={**account, **spec.other, **dict(_fields(settings))}
    )
    for problem in _contradictions(result, settings):
        raise UserError(f"{source} and the options: {problem}")
    return result


def _scheduling(settings: TrialSettings) -> Iterator[tuple[str, Json]]:
    if settings.strategy:
        yield "strategy", settings.strategy
    if settings.max_wait_s is not None:
        yield "maxWaitDuration", format_duration(settings.max_wait_s)
    if settings.restart:
        yield from RESTARTS[settings.restart].items()


def _fields(settings: TrialSettings) -> Iterator[tuple[str, Json]]:
    texts = {
        "persistentResourceId": settings.persistent_resource,
        "network": settings.network,
        "serviceAccount": settings.trial_account,
        "tensorboard": settings.tensorboard,
    }
    yield from ((name, text) for name, text in texts.items() if text)
    if settings.reserved_ip_ranges:
        yield "reservedIpRanges", list(settings.reserved_ip_ranges)
    if settings.network_attachment:
        yield "pscInterfaceConfig", {"networkAttachment": settings.network_attachment}


def strategy_problem(spec: TrialJobSpec, strategy: str) -> str:
    """Return why a trial's job cannot have a strategy; empty when it can."""
    if not spec.other.get("persistentResourceId") or strategy not in PROVISIONING:
        return ""
    return (
        f"persistentResourceId (--persistent-resource) uses machines that exist, so the strategy {strategy} cannot "
        "provision any; leave one of the two out"
    )


def _contradictions(spec: TrialJobSpec, settings: TrialSettings) -> Iterator[str]:
    """Yield sentences about fields of which one makes the other have no effect, or which the API refuses together."""
    strategy = spec.scheduling.get("strategy") or "STANDARD"
    if settings.max_wait_s is not None and strategy != "FLEX_START":
        yield (
            f"--max-wait has an effect with the strategy FLEX_START only, and the strategy is {strategy}; add "
            "--strategy flex-start, or leave --max-wait out"
        )
    if problem := strategy_problem(spec, str(strategy)):
        yield problem
    if spec.other.get("tensorboard") and not spec.other.get("serviceAccount"):
        yield (
            "tensorboard (--tensorboard) needs a service account of the trials, which writes the logs; add "
            "--trial-service-account NAME@PROJECT.iam.gserviceaccount.com"
        )
    if spec.other.get("reservedIpRanges") and not spec.other.get("network"):
        yield "reservedIpRanges (--reserved-ip-range) are ranges of a network, and there is none; add --network"
