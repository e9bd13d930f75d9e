"""Sets Hydra's output folder in a trial, inside the trial's own folder, so that parallel trials do not share one.

Hydra names its output folder after the start time in seconds, which parallel trials may have in common. A trial of
Hydra's own sweep has the folder of a job: that of `hydra.sweep.subdir` in `hydra.sweep.dir`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra_vertex.protocol.environment import HYDRA_FOLDER, MODEL_DIR, SWEEP_DIR, TRIAL_ID
from hydra_vertex.protocol.files import local_path
from hydra_vertex.trial.config.quoting import quote

from .arguments import Argument, Parameter, override_texts
from .presence import is_set, is_single_run

_KEY = "hydra.run.dir"
_SWEEP_KEY = "hydra.sweep.dir"
_SUBDIR_KEY = "hydra.sweep.subdir"
_BUCKETS = Path("/gcs")


def run_dir_override(environ: Mapping[str, str], arguments: Sequence[Argument]) -> str | None:
    """Return the override that puts Hydra's output beside the model's folder; None when there is nothing to override.

    That is the case outside a trial, when the user sets the key, in a multirun, and when the bucket is not mounted.
    """
    model_dir = environ.get(MODEL_DIR)
    if not model_dir or not is_single_run(arguments) or is_set(_KEY, _overrides(arguments)):
        return None
    folder = local_path(model_dir.rstrip("/")).parent / HYDRA_FOLDER
    if folder.is_relative_to(_BUCKETS) and not _BUCKETS.is_dir():
        return None
    return f"{_KEY}={quote(str(folder))}"


def sweep_overrides(environ: Mapping[str, str], arguments: Sequence[Argument]) -> tuple[str, ...]:
    """Return the overrides that make Hydra's output folder that of a job of a sweep; empty in any other trial."""
    sweep_dir = environ.get(SWEEP_DIR)
    if (
        not sweep_dir
        or not environ.get(TRIAL_ID)
        or not is_single_run(arguments)
        or is_set(_KEY, _overrides(arguments))
    ):
        return ()
    return f"{_SWEEP_KEY}={quote(sweep_dir)}", f"{_KEY}=${{{_SWEEP_KEY}}}/${{{_SUBDIR_KEY}}}"


def _overrides(arguments: Sequence[Argument]) -> tuple[str, ...]:
    return (*override_texts(arguments), *(a.key for a in arguments if isinstance(a, Parameter)))
