"""The components by name, and their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra_vertex.launcher.steps.component import DEFAULT_IMAGE, select_best_component, tune_component
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.suggestions import suggest
from hydra_vertex.trial.component import retrain_component

from .app_component import ARTIFACTS
from .compiler import compile_to_file
from .tune_and_retrain import build_pipeline

COMPONENTS: dict[str, Callable[[str], Any]] = {
    "tune": tune_component,
    "select_best": select_best_component,
    "retrain": retrain_component,
    "tune_and_retrain": build_pipeline,
}
"""The function that makes each component for an image. `tune_and_retrain` is the whole pipeline as one component."""


def write_component(name: str, path: Path, image: str = DEFAULT_IMAGE, data: str = "") -> None:
    """Write the component's file, which `kfp.components.load_component_from_file` loads.

    `data` is the type of the artifact that `tune_and_retrain` gets as the data of its trials; empty for none.
    Raises UserError for a name that no component has and for a type that KFP has not, OutputError as
    `compile_to_file`.
    """
    build = COMPONENTS.get(name.replace("-", "_"))
    if build is None:
        raise UserError(f"{name!r} is not a component{suggest(name, COMPONENTS)}")
    if data and build is not build_pipeline:
        raise UserError(f"--data {data}: only tune_and_retrain is compiled for data; {name} has inputs for it")
    if data and data not in ARTIFACTS:
        raise UserError(f"--data {data}: KFP has no artifact {data!r}{suggest(data, ARTIFACTS)}")
    compile_to_file(build_pipeline(image, data=data) if data else build(image), path)
