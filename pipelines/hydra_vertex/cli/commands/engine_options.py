"""The options of the engine that runs the trials, shared by `run` and `serve`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import file_path
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.trials.engines.options import ENGINES, THIS_MACHINE, EngineOptions, checked_options

from .trial_machine_options import add_pool_options

if TYPE_CHECKING:
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.protocol.json import Json, JsonObject

NEEDS_IMAGE = ("docker", "kubernetes")
SLURM = "slurm"
IMAGE_KEYS = frozenset({"container", "on_node"})
"""The settings of the engine `slurm` that say what becomes of an image."""


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("where trials run")
    group.add_argument(
        "--engine",
        choices=ENGINES,
        default=THIS_MACHINE,
        help="trials as processes of this machine, as containers of Docker, as Jobs of Kubernetes or Slurm (process)",
    )
    group.add_argument(
        "--engine-config", type=file_path, metavar="FILE", help="YAML file with the engine's settings (its defaults)"
    )
    group.add_argument(
        "--engine-set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, in place of the file's; VALUE is YAML, such as --engine-set network=host (repeatable)",
    )


def add_engine_pool_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the worker pools of trials that an engine runs."""
    add_pool_options(parser.add_argument_group("worker pools of each trial (replace what the search file says)"))


def with_engine_pools(plan: TuningPlan, arguments: argparse.Namespace, engine: EngineOptions) -> TuningPlan:
    """Return the plan with the worker pools of the options.

    Raises UserError for an option that does not apply to the engine, and when there is no image but it needs one.
    """
    from hydra_vertex.pipelines.trial_machine import require_images, with_pools
    from hydra_vertex.pipelines.trial_settings import TrialSettings

    in_steps = arguments.runner == "docker"
    if engine.is_this_machine:
        _require_no_container(arguments, () if in_steps else ("image",))
    settings = TrialSettings(
        image="" if in_steps else arguments.image or "",
        machine_type=arguments.trial_machine_type or "",
        accelerator=arguments.trial_accelerator or "",
        accelerator_count=arguments.trial_accelerator_count,
        pools=tuple(arguments.worker_pool_spec),
    )
    plan = with_pools(plan, settings)
    if engine.name in NEEDS_IMAGE:
        require_images(plan.trial_job_spec.worker_pools, f"--engine {engine.name} starts every trial in a container")
    if engine.name == SLURM and not engine.settings.keys() & IMAGE_KEYS:
        _require_no_image(plan)
    return plan


def _require_no_image(plan: TuningPlan) -> None:
    for index, pool in enumerate(plan.trial_job_spec.worker_pools):
        image = "" if pool.container is None else pool.container.image_uri
        if image not in {"", "local"}:
            raise UserError(
                f"workerPoolSpecs[{index}] has the image {image!r}, and Slurm runs no image by itself: set the "
                "engine's key 'container' to your command, such as [apptainer, exec, --nv, 'docker://{image}'], or "
                "'on_node: true' to run the command on the node without it"
            )


def _require_no_container(arguments: argparse.Namespace, more: tuple[str, ...]) -> None:
    for option in (*more, "trial_machine_type", "trial_accelerator", "trial_accelerator_count"):
        if getattr(arguments, option) is not None:
            raise UserError(
                f"--{option.replace('_', '-')}: trials are processes of this machine; choose where containers run with "
                "--engine docker, kubernetes or slurm, or --runner docker, or use `hydra-vertex submit` for Vertex AI"
            )


def engine_options_from(arguments: argparse.Namespace) -> EngineOptions:
    """Return the engine that the options name. Raises UserError when the file or a setting cannot be read."""
    settings = {} if arguments.engine_config is None else dict(_read(arguments.engine_config))
    given: dict[str, Json] = {}
    for text in arguments.engine_set:
        key, value = _setting(text)
        if key in given:
            raise UserError(f"--engine-set {key}: is given twice; leave one of them out")
        given[key] = value
    return checked_options(arguments.engine, {**settings, **given})


def _read(path: Path) -> JsonObject:
    from hydra_vertex.launcher.files.reading import ENGINE_FILE
    from hydra_vertex.launcher.files.yaml_form import load_yaml

    settings = load_yaml(path, ENGINE_FILE)
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise UserError(f"{path}: expected a YAML mapping of settings, got {type(settings).__name__}")
    return settings


def _setting(text: str) -> tuple[str, Json]:
    from hydra_vertex.launcher.files.reading import ENGINE_FILE
    from hydra_vertex.launcher.files.yaml_form import parse_yaml

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UserError(f"--engine-set {text!r}: expected KEY=VALUE, such as network=host")
    return key, parse_yaml(value, Path("--engine-set"), ENGINE_FILE) if value.strip() else ""
