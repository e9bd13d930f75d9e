"""Command line options for how a local run starts its steps: as processes, or in containers."""

from __future__ import annotations

import argparse
import contextlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import word
from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.service.trials.engines.options import THIS_MACHINE

if TYPE_CHECKING:
    from hydra_vertex.pipelines.local.containers import Containers
    from hydra_vertex.pipelines.plan import TuningPlan

PROCESS = "process"
DOCKER = "docker"


def add_runner_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("where the steps run")
    group.add_argument(
        "--runner",
        choices=(PROCESS, DOCKER),
        default=PROCESS,
        help=f"{PROCESS}: each step and trial is a process of this machine; {DOCKER}: each step runs in a container, "
        f"and the trials run in that of the tuning step, in the image --image (default: {PROCESS})",
    )
    group.add_argument(
        "--network", type=word, metavar="NAME", help=f"with --runner {DOCKER}: such as none (default: the engine's)"
    )
    group.add_argument(
        "--docker-option",
        action="append",
        default=[],
        metavar="OPTION",
        help=f"with --runner {DOCKER}: for every container, such as --docker-option=--gpus=all; may be repeated",
    )


def require_runner_options(arguments: argparse.Namespace) -> None:
    """Check the options, without an engine. Raises CommandError."""
    from hydra_vertex.pipelines.local.containers import require_options

    if arguments.runner == PROCESS:
        for option, value in (
            ("--network", arguments.network),
            ("--docker-option", arguments.docker_option),
        ):
            if value:
                raise CommandError(f"{option} needs --runner {DOCKER}; add it, or leave {option} out")
        return
    require_options(arguments.docker_option)
    if arguments.engine != THIS_MACHINE:
        raise CommandError(
            f"--runner {DOCKER} runs the trials in the container of the tuning step, and --engine {arguments.engine} "
            "elsewhere; leave one of the two out"
        )
    if not arguments.image:
        raise CommandError(
            f"--runner {DOCKER} needs --image; `hydra-vertex image -t NAME -- python train.py …` builds one of the app"
        )


def containers_from(arguments: argparse.Namespace, plan: TuningPlan, folder: Path) -> Containers | None:
    """Return how the run's containers are started; None for a run as processes. `folder` is the run's.

    Raises CommandError when there is no engine, or the image cannot run the steps.
    """
    if arguments.runner == PROCESS:
        return None
    from hydra_vertex.pipelines.image.docker_cli import require_engine
    from hydra_vertex.pipelines.image.for_steps import require_image_of_steps
    from hydra_vertex.pipelines.local.containers import Containers

    require_engine()
    require_image_of_steps(arguments.image)
    base = plan.trial_job_spec.base_output_uri
    outputs = (Path(base),) if base.startswith("/") else ()
    return Containers(
        folder, arguments.image, arguments.network or "", tuple(arguments.docker_option), (folder, *outputs)
    )


def check_context(containers: Containers | None, plan: TuningPlan) -> AbstractContextManager[None]:
    """Return a context in which the check of the app runs where the trials will."""
    return contextlib.nullcontext() if containers is None else containers.check_in_image(dict(plan.app_env))
