"""Writes the pipeline and the components as files, from their source."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hydra_vertex.launcher.component import DEFAULT_IMAGE, select_best_component, tune_component
from hydra_vertex.trial.component import retrain_component
from hydra_vertex.trial.protocol.errors import OutputError
from hydra_vertex.trial.protocol.files import write_atomic

from .machines import Machine
from .tune_and_retrain import build_pipeline

SUFFIXES = (".json", ".yaml", ".yml")
COMPONENT_FILES = {
    "components/hpt_launcher/component.yaml": tune_component,
    "components/hpt_launcher/select_best.yaml": select_best_component,
    "components/hydra_trainer/component.yaml": retrain_component,
}
"""Where each component's own file lies, below the root of the repository."""


def compile_pipeline(path: Path, *, image: str = DEFAULT_IMAGE, machine: Machine | None = None) -> None:
    """Compile to `path`, whose suffix decides the form; a .json file has no descriptions, which is KFP's doing.

    Raises OutputError on another suffix, and when the file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise OutputError(f"{path}: a pipeline file ends in {', '.join(SUFFIXES)}")
    _compile(build_pipeline(image, machine), path)


def write_components(root: Path) -> None:
    """Write every component's file below `root`."""
    for name, build in COMPONENT_FILES.items():
        _compile(build(), root / name)


def _compile(pipeline: Any, path: Path) -> None:
    """KFP writes in place, so it writes elsewhere first."""
    from kfp import compiler

    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        part = Path(folder, f"pipeline{path.suffix}")
        compiler.Compiler().compile(pipeline, str(part))
        try:
            write_atomic(path, part.read_bytes())
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


if __name__ == "__main__":
    write_components(Path.cwd())
