"""The output folder of `run` and `tune`, and the typed command that goes on in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.protocol.command import SEPARATOR

if TYPE_CHECKING:
    from hydra_vertex.pipelines.plan import TuningPlan


def output_path(out: Path | None, plan: TuningPlan) -> Path:
    """Return the absolute path of the folder that `--out` names; without it, one with the study's name and the time."""
    # A display name may have 128 characters of any kind, each of up to 4 bytes.
    name = re.sub(r"[^\w.-]+", "-", plan.display_name)[:48]
    default = Path("runs", f"{name}-{datetime.now():%Y%m%d-%H%M%S}")
    return (out or default).absolute()


def typed_again(typed: Sequence[str], folder: Path) -> str:
    """Return the typed command, with `--out` and the folder added when it has no `--out`."""
    from hydra_vertex.launcher.secrets.masker import NO_SECRETS
    from hydra_vertex.launcher.secrets.shell import shell_command

    at = typed.index(SEPARATOR) if SEPARATOR in typed else len(typed)
    own, app = list(typed[:at]), typed[at:]
    if not any(part == "--out" or part.startswith("--out=") for part in own):
        own += ["--out", str(folder)]
    return str(shell_command(["hydra-vertex", *own, *app], NO_SECRETS))
