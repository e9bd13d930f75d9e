"""Sets Hydra's output folder in a trial, inside the trial's own folder, so that parallel trials do not share one.

Hydra names its output folder after the start time in seconds, which parallel trials may have in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra_vertex.protocol.environment import MODEL_DIR
from hydra_vertex.protocol.files import local_path
from hydra_vertex.trial.config.quoting import quote

from .arguments import Argument, Parameter, override_texts
from .presence import is_set, is_single_run

_KEY = "hydra.run.dir"
_FOLDER = "hydra"
_BUCKETS = Path("/gcs")


def run_dir_override(environ: Mapping[str, str], arguments: Sequence[Argument]) -> str | None:
    """Return the override that puts Hydra's output beside the model's folder; None when there is nothing to override.

    That is the case outside a trial, when the user sets the key, in a multirun, and when the bucket is not mounted.
    """
    model_dir = environ.get(MODEL_DIR)
    if not model_dir or not is_single_run(arguments) or is_set(_KEY, _overrides(arguments)):
        return None
    folder = local_path(model_dir.rstrip("/")).parent / _FOLDER
    if folder.is_relative_to(_BUCKETS) and not _BUCKETS.is_dir():
        return None
    return f"{_KEY}={quote(str(folder))}"


def _overrides(arguments: Sequence[Argument]) -> tuple[str, ...]:
    return (*override_texts(arguments), *(a.key for a in arguments if isinstance(a, Parameter)))
