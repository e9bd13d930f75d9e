"""Where Hydra writes in a trial: below the trial's own output folder, so that trials that start together share nothing.

Hydra names its output folder after the second in which a run starts, and parallel trials start in the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .arguments import Argument, Flag, Override, Parameter
from .protocol.environment import MODEL_DIR
from .protocol.files import local_path
from .quoting import quote

_KEY = "hydra.run.dir"
_FOLDER = "hydra"
_NO_SINGLE_RUN = frozenset({"--multirun", "-m", "--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i"})
_BUCKETS = Path("/gcs")


def run_dir_override(environ: Mapping[str, str], arguments: Sequence[Argument]) -> str | None:
    """The override that puts Hydra's output beside the model's folder; None where it is not ours to say.

    That is outside of a trial, where the user says it, in a multirun, and where the bucket is not mounted.
    """
    model_dir = environ.get(MODEL_DIR)
    if not model_dir or any(_leaves_alone(argument) for argument in arguments):
        return None
    folder = local_path(model_dir.rstrip("/")).parent / _FOLDER
    if folder.is_relative_to(_BUCKETS) and not _BUCKETS.is_dir():
        return None
    return f"{_KEY}={quote(str(folder))}"


def _leaves_alone(argument: Argument) -> bool:
    match argument:
        case Flag():
            return argument.name in _NO_SINGLE_RUN
        case Override(text):
            return text.lstrip("+").partition("=")[0] == _KEY
        case Parameter(key=key):
            return key == _KEY
