"""Refuses malformed references to secrets in the variables of containers, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hydra_vertex.job.env_references import expanded
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.secret_references import parse_secret_reference

from .plan import TuningPlan

_POOLS = "trialJobSpec.workerPoolSpecs"
_VARIABLE = "$("
"""The start of a reference to a variable that is known only where the container starts."""


def require_secret_syntax(plan: TuningPlan, source: str) -> None:
    """Check the references in the variables of the containers and of the app.

    Raises SearchSpaceError with the path of the variable, its name and its value.
    """
    for place, variables in _variables(plan):
        for index, (name, value) in enumerate(expanded(variables, {}).items()):
            try:
                if _VARIABLE not in value:
                    parse_secret_reference(value)
            except ValueError as error:
                raise SearchSpaceError(
                    f"{source}: {place}.env[{index}].value ({excerpt(name)}) is a malformed reference to a secret; "
                    f"{excerpt(str(error), 300)}"
                ) from error


def _variables(plan: TuningPlan) -> Iterator[tuple[str, Mapping[str, str]]]:
    for index, pool in enumerate(plan.trial_job_spec.worker_pools):
        if pool.container is not None:
            yield f"{_POOLS}[{index}].containerSpec", pool.container.env
    yield f"{_POOLS}[0].containerSpec", plan.app_env
