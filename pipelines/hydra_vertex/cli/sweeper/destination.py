"""Where the trials of a sweep run: on this machine, or as one tuning job of Vertex AI. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hydra_vertex.launcher.search_space.hydra_part import BUCKET, SWEEPER_OPTIONS, VERTEX_OPTIONS
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject

ENDPOINT = "endpoint"
VERTEX = "vertex"
_PLACE = "hydra.sweeper"
_REQUIRED = ("project", "location", BUCKET)
_IMAGE = "image"
_POOLS = "worker_pool_spec"
_LABEL = "label"
_URL = re.compile(r"https?://[^/\s]+\S*")
_FOLDER = re.compile(r"gs://[^/\s]+(/\S*)?")

_MACHINE = "it divides this machine among trials; set trial_machine_type and trial_accelerator"
_ENGINE = "Vertex AI runs the trials"
_RETRAINING = (
    "nothing is retrained after this study; run the app with best.yaml, or send a pipeline: hydra-vertex submit"
)
_PAGE = "the page of the job is served by `hydra-vertex watch RESOURCE --page`"
_ONLY_HERE: Mapping[str, str] = {
    "start_from": "a tuning job of Vertex AI takes no earlier trials and no first points; `hydra-vertex tune --narrow` "
    "narrows the search space to them",
    **dict.fromkeys(("retrain", "warm_start"), _RETRAINING),
    **dict.fromkeys(
        ("trials_per_gpu", "gpus_per_trial", "gpu_memory_per_trial", "trial_memory", "trial_nice"), _MACHINE
    ),
    **dict.fromkeys(("engine", "engine_config", "engine_set"), _ENGINE),
    **dict.fromkeys(("page", "open"), _PAGE),
}
"""The keys that are refused with an endpoint, and why."""
_WITHOUT_OPTION = frozenset({"no_page", ENDPOINT})
_OF_ONE_START = frozenset({"detach", "no_machine_check", "log_experiment"})
_OF_JOB = (
    *("n_trials", "n_jobs", "max_failure_rate", _IMAGE, _POOLS),
    *("trial_machine_type", "trial_accelerator", "trial_accelerator_count"),
    *(name for name in VERTEX_OPTIONS if name not in _OF_ONE_START),
)
"""The keys that a job elsewhere keeps, so that another value is another sweep."""


def is_elsewhere(sweeper: JsonObject) -> bool:
    """Whether the trials run on Vertex AI, or in another service with its API. Raises SearchSpaceError.

    Every key that the place does not have is refused, and so is a place without the keys that it needs.
    """
    endpoint = sweeper.get(ENDPOINT)
    if endpoint is None:
        _refuse_given(sweeper, dict.fromkeys(VERTEX_OPTIONS, f"it is for {_PLACE}.{ENDPOINT}={VERTEX}; add that"))
        return False
    if endpoint != VERTEX and not (isinstance(endpoint, str) and _URL.fullmatch(endpoint)):
        raise SearchSpaceError(
            f"{_PLACE}.{ENDPOINT} is {excerpt(repr(endpoint))}; expected {VERTEX}, or the URL of a service with its "
            "API, such as http://127.0.0.1:8080; without it the trials run on this machine"
        )
    _refuse_given(sweeper, _ONLY_HERE)
    _require_place(sweeper, endpoint)
    return True


def options_elsewhere(sweeper: JsonObject) -> Iterator[tuple[str, Json]]:
    """Yield the options of `hydra-vertex tune`, in the form of keys, with their values."""
    endpoint = sweeper.get(ENDPOINT)
    if endpoint != VERTEX:
        yield ENDPOINT, endpoint
    for name in (*SWEEPER_OPTIONS, *VERTEX_OPTIONS):
        if name not in _WITHOUT_OPTION and name not in _ONLY_HERE:
            yield ("root" if name == BUCKET else name), _labels(name, sweeper.get(name))


def _labels(name: str, value: Json) -> Json:
    """Return labels in the form of the option, `KEY=VALUE`; in a config they are a mapping, or a list of this form."""
    if name == _LABEL and isinstance(value, Mapping):
        return [f"{key}={text}" for key, text in value.items()]
    return value


def identity_elsewhere(sweeper: JsonObject) -> JsonObject:
    """Return the part of the keys that another start of the same sweep has to have, because the job keeps it."""
    return {name: sweeper[name] for name in _OF_JOB if sweeper.get(name) is not None}


def _refuse_given(sweeper: JsonObject, reasons: Mapping[str, str]) -> None:
    for name, why in reasons.items():
        if sweeper.get(name) not in (None, False):
            place = "" if sweeper.get(ENDPOINT) is None else f" (with {_PLACE}.{ENDPOINT}={sweeper[ENDPOINT]})"
            raise SearchSpaceError(f"{_PLACE}.{name} is refused{place}: {why}, or leave {name} out")


def _require_place(sweeper: JsonObject, endpoint: str) -> None:
    missing = [name for name in _REQUIRED if not sweeper.get(name)]
    if not (sweeper.get(_IMAGE) or sweeper.get(_POOLS)):
        missing.append(_IMAGE)
    if missing:
        raise SearchSpaceError(
            f"{_PLACE}.{ENDPOINT} is {endpoint}, and {', '.join(f'{_PLACE}.{name}' for name in missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; a tuning job needs {', '.join(_REQUIRED)} (gs://…) and "
            f"{_IMAGE}"
        )
    bucket = sweeper[BUCKET]
    if not (isinstance(bucket, str) and _FOLDER.fullmatch(bucket)):
        raise SearchSpaceError(
            f"{_PLACE}.{BUCKET} is {excerpt(repr(bucket))}; expected a folder in a bucket, such as gs://my-bucket/runs"
        )
