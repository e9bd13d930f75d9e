"""Checks that a plan fits the command lines of the pipeline's steps and of the trials, before anything is sent.

A step gets its inputs as one argument (`--executor_input`), and Linux limits the size of an argument.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from hydra_vertex.job import Categorical, ParameterSpec, dump_study_spec, walk_parameters
from hydra_vertex.launcher.arguments import MAX_BYTES
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.command import parameter_argument, trial_command
from hydra_vertex.protocol.errors import SearchSpaceError

from .plan import TuningPlan

_OTHER_INPUTS_BYTES = 8 << 10
"""Room for the paths and names of a step's artifacts."""
_MOST_NAMED = 3


def require_sizes(plan: TuningPlan, search: Path | str, environ: Mapping[str, str]) -> None:
    """Raises SearchSpaceError that names what is too large for a command line, with sizes."""
    _require_step_argument(plan, search)
    _require_command_line(plan, search, environ)


def _require_step_argument(plan: TuningPlan, search: Path | str) -> None:
    arguments = plan.pipeline_arguments(project="", location="")
    size = len(json.dumps({"inputs": {"parameterValues": dict(arguments)}}).encode())
    limit = MAX_BYTES - _OTHER_INPUTS_BYTES
    if size > limit:
        raise SearchSpaceError(
            f"{search}: a step of the pipeline gets the study as one argument of {size:,} bytes, and such an argument "
            f"may have at most {limit:,}; the largest parts are {_largest(plan)}; use fewer or shorter values"
        )


def _largest(plan: TuningPlan) -> str:
    parameters = dump_study_spec(plan.study_spec)["parameters"]
    listed = parameters if isinstance(parameters, list) else []
    specs = zip(plan.study_spec.parameters, listed, strict=True)
    sizes = Counter({excerpt(spec.id): len(json.dumps(json.dumps(document))) for spec, document in specs})
    for sweep in plan.sweeps:
        sizes[excerpt(sweep.partition("=")[0])] += len(json.dumps(json.dumps(sweep)))
    sizes["the app's command"] = len(json.dumps(json.dumps(list(plan.app))))
    largest = sizes.most_common(_MOST_NAMED)
    return ", ".join(f"{name} ({size:,} bytes)" for name, size in largest)


def _require_command_line(plan: TuningPlan, search: Path | str, environ: Mapping[str, str]) -> None:
    """Compare a trial's command line and environment with this system's limit, which includes a pointer for each."""
    limit = os.sysconf("SC_ARG_MAX")
    longest = [_longest_argument(parameter) for parameter in walk_parameters(plan.study_spec.parameters)]
    own = trial_command(plan.app, plan.study_spec.metric_text, plan.monitor, plan.sweeps, plan.aliases)
    variables = [f"{name}={value}" for name, value in environ.items()]
    size = sum(len(os.fsencode(text)) + 1 + 8 for text in (*own, *longest, *variables))
    if 0 < limit < size + _OTHER_INPUTS_BYTES:
        raise SearchSpaceError(
            f"{search}: a trial's command line and environment have up to {size:,} bytes, and this system allows "
            f"{limit:,}; use fewer parameters or shorter values"
        )


def _longest_argument(parameter: ParameterSpec) -> str:
    values = parameter.domain.values if isinstance(parameter.domain, Categorical) else ("-2.2250738585072014e-308",)
    return parameter_argument(parameter.id, max(values, key=lambda value: len(value.encode())))
