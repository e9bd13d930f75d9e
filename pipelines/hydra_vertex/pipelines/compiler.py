"""Compiles the pipeline and the components to files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml

from hydra_vertex.launcher.steps.component import DEFAULT_IMAGE, select_best_component, tune_component
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.trial.component import retrain_component

from .cluster import ClusterSettings, require_cluster
from .machine_types import Machine
from .registration import Serving
from .retraining import RetrainJob
from .tune_and_retrain import build_pipeline

SUFFIXES = (".json", ".yaml", ".yml")
COMPONENT_FILES = {
    "components/hpt_launcher/component.yaml": tune_component,
    "components/hpt_launcher/select_best.yaml": select_best_component,
    "components/hydra_trainer/component.yaml": retrain_component,
}
"""The file of each component, relative to the root of the repository."""


def compile_pipeline(
    path: Path,
    *,
    image: str = DEFAULT_IMAGE,
    machine: Machine | None = None,
    retrain_job: RetrainJob | None = None,
    serving: Serving | None = None,
    cluster: ClusterSettings | None = None,
) -> None:
    """Compile the pipeline to `path`; the suffix selects JSON or YAML. The other parameters are of `build_pipeline`.

    Raises OutputError for any other suffix, and when the file cannot be written, UserError for a machine that the
    cluster does not have.
    """
    if cluster is not None:
        require_cluster(cluster, machine)
    compile_to_file(build_pipeline(image, machine, retrain_job, serving, cluster=cluster), path)


def write_components(root: Path) -> None:
    """Write the file of every component, below `root`."""
    for name, build in COMPONENT_FILES.items():
        compile_to_file(build(), root / name)


def compile_to_file(component: Any, path: Path) -> None:
    """Compile a pipeline or a component.

    A .json file is converted from the YAML, because kfp's own JSON omits the descriptions.
    Raises OutputError as `compile_pipeline` does.
    """
    if path.suffix not in SUFFIXES:
        raise OutputError(f"{path}: a pipeline file ends in {', '.join(SUFFIXES)}")
    text = _compile(component)
    try:
        write_atomic(path, _as_json(text) if path.suffix == ".json" else text)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _compile(component: Any) -> str:
    from kfp import compiler

    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        part = Path(folder, "pipeline.yaml")
        compiler.Compiler().compile(component, str(part))
        return part.read_text(encoding="utf-8")


def _as_json(text: str) -> str:
    return json.dumps(yaml.safe_load(text), indent=2) + "\n"


if __name__ == "__main__":
    write_components(Path.cwd())
