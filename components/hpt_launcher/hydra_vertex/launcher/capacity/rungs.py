"""The rungs of a capacity ladder: a scheduling strategy and a location each. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.job import TrialJobSpec, dump_trial_job_spec, parse_trial_job_spec
from hydra_vertex.job.fields import Fields, format_duration, present
from hydra_vertex.job.lost_fields import require_kept
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json

from .strategies import FLEX_START, word_of

RUNG_LABEL = "hydra_vertex_rung"
"""The label of a job with the number of its rung, from 1."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One place to ask for machines. `strategy` is the API's name; `max_wait_s` None means: wait without a limit."""

    strategy: str
    location: str
    max_wait_s: float | None = None

    @property
    def name(self) -> str:
        """The rung as messages show it, such as `spot machines in europe-west4`."""
        return f"{word_of(self.strategy)} machines in {self.location}"


def make_ladder(strategies: Sequence[str], locations: Sequence[str], max_wait_s: float) -> tuple[Rung, ...]:
    """Return a rung for each strategy in each location: all locations with the first strategy, then with the next.

    The last rung waits without a limit.
    """
    pairs = [(strategy, location) for strategy in strategies for location in locations]
    *first, last = [Rung(strategy, location, max_wait_s) for strategy, location in pairs]
    return (*first, dataclasses.replace(last, max_wait_s=None))


def on_rung(spec: TrialJobSpec, rung: Rung, number: int) -> TrialJobSpec:
    """Return the spec of the trials on a rung.

    Each rung has its own output folder, because the ids of its trials begin at 1 again. A flex-start job ends by itself
    when its wait is over, also if nobody watches it any more; the last one waits for ever, unless the spec has a limit.
    """
    base = spec.base_output_uri.rstrip("/")
    scheduling = {**spec.scheduling, "strategy": rung.strategy}
    if rung.strategy != FLEX_START:
        scheduling.pop("maxWaitDuration", None)
    elif rung.max_wait_s is not None:
        scheduling["maxWaitDuration"] = format_duration(rung.max_wait_s)
    else:
        scheduling.setdefault("maxWaitDuration", "0s")
    return dataclasses.replace(
        spec,
        scheduling=scheduling,
        base_output_uri=f"{base}/rung-{number}" if base and number > 1 else spec.base_output_uri,
    )


def on_rung_parameters(parameters: Mapping[str, Json], rung: Rung, number: int) -> dict[str, Json]:
    """Return the parameters of the tuning step for a rung. Raises DocumentError for an invalid `trial_job_spec`."""
    text = str(parameters.get("trial_job_spec") or "{}")
    try:
        given = json.loads(text)
    except ValueError as error:
        raise DocumentError("trial_job_spec", f"not JSON ({error}): {text!r:.200}") from error
    spec = parse_trial_job_spec(given, "trial_job_spec")
    require_kept(given, dump_trial_job_spec(spec), "trial_job_spec")
    document = json.dumps(dump_trial_job_spec(on_rung(spec, rung, number)))
    return {**parameters, **_own_root(parameters, number), "location": rung.location, "trial_job_spec": document}


def _own_root(parameters: Mapping[str, Json], number: int) -> dict[str, Json]:
    root = str(parameters.get("study_root") or "").rstrip("/")
    return {"study_root": f"{root}/rung-{number}"} if root and number > 1 else {}


def dump_ladder(rungs: Iterable[Rung]) -> str:
    """Return the rungs as JSON for a pipeline parameter; empty for none."""
    items: list[Json] = [
        present(
            strategy=rung.strategy,
            location=rung.location,
            maxWait=None if rung.max_wait_s is None else format_duration(rung.max_wait_s),
        )
        for rung in rungs
    ]
    return json.dumps(items) if items else ""


def load_ladder(text: str, path: str = "capacity_ladder") -> tuple[Rung, ...]:
    """Return the rungs of a pipeline parameter; () for an empty one. Raises DocumentError naming the field."""
    if not text.strip():
        return ()
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DocumentError(path, f"not JSON ({error}): {text!r:.200}") from error
    if not isinstance(value, list):
        raise DocumentError(path, f"expected an array, got {text!r:.200}")
    rungs = tuple(_load_rung(item, f"{path}[{index}]") for index, item in enumerate(value))
    if any(rung.max_wait_s is None for rung in rungs[:-1]):
        raise DocumentError(path, "every rung but the last needs a maxWait, because it would wait without a limit")
    return (*rungs[:-1], dataclasses.replace(rungs[-1], max_wait_s=None)) if rungs else ()


def _load_rung(value: Json, path: str) -> Rung:
    fields = Fields(value, path)
    rung = Rung(fields.text("strategy"), fields.text("location"), fields.duration_s("maxWait"))
    for name, found in (("strategy", rung.strategy), ("location", rung.location)):
        if not found:
            raise DocumentError(fields.path(name), "is empty")
    return rung
