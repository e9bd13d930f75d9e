"""`hydra-vertex compile`: compiles the pipeline to a file for Vertex Pipelines, Kubeflow or a local run."""

from __future__ import annotations

import argparse
from pathlib import Path

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import display_name, file_path, whole_number, word
from hydra_vertex.cli.output import show

from .cluster_options import add_cluster_options, cluster_settings_of
from .retrain_options import add_retrain_job_options, retrain_job_of
from .study_options import add_json_option, add_parser
from .trial_machine_options import add_machine_check_option

DEFAULT_IMAGE = "hydra-vertex:latest"


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "compile",
        "compile the pipeline tune, select_best, retrain to a .json or .yaml file",
        "hydra-vertex compile --image europe-docker.pkg.dev/p/r/train:1 --machine-type g2-standard-8 "
        "--accelerator NVIDIA_L4 -o pipeline.json",
    )
    parser.add_argument("-o", "--output", type=file_path, required=True, metavar="FILE", help="a .json or .yaml file")
    add_machine_options(parser)
    _add_serving_options(parser)
    add_retrain_job_options(parser)
    add_cluster_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the image of all steps and for the machine of the retraining."""
    parser.add_argument(
        "--image",
        type=word,
        default=DEFAULT_IMAGE,
        metavar="URI",
        help=f"image of all steps (default: {DEFAULT_IMAGE})",
    )
    machine = parser.add_argument_group("machine of the retraining step")
    machine.add_argument("--machine-type", type=word, metavar="TYPE", help="such as n1-standard-8 or g2-standard-8")
    machine.add_argument(
        "--accelerator",
        type=word,
        metavar="TYPE",
        help="such as NVIDIA_L4 or NVIDIA_TESLA_T4; on a cluster without Vertex AI such as nvidia.com/gpu",
    )
    machine.add_argument("--accelerator-count", type=whole_number(1), default=1, metavar="N", help="default: 1")
    machine.add_argument("--cpu", type=word, help="vCPUs, instead of a machine type")
    machine.add_argument("--memory", type=word, help="memory such as 32G, instead of a machine type")
    add_machine_check_option(parser)


def _add_serving_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("registration of the model, on Vertex AI only")
    group.add_argument(
        "--serving-image",
        type=word,
        metavar="URI",
        help="register the model with this container, which serves it (default: the model is not registered)",
    )
    group.add_argument(
        "--model-name",
        type=display_name,
        metavar="NAME",
        help="display name of the registered model (default: the study's)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compile the pipeline and print the path of the file."""
    compile_to(arguments.output, arguments)
    if arguments.json:
        serving = {"servingImage": arguments.serving_image} if arguments.serving_image else {}
        retrained = {"retrainAs": arguments.retrain_as}
        show_document("compile", {"pipeline": str(arguments.output), "image": arguments.image, **retrained, **serving})
    else:
        kind = "" if arguments.retrain_as == "task" else f" as a {arguments.retrain_as}"
        registered = f"; the model is registered with {arguments.serving_image}" if arguments.serving_image else ""
        show(f"{arguments.output}: tune, select_best, retrain{kind} in {arguments.image}{registered}")
    return 0


def compile_to(path: Path, arguments: argparse.Namespace) -> None:
    """Compile the pipeline to `path`, with the machine options in `arguments`."""
    from hydra_vertex.pipelines.compiler import compile_pipeline
    from hydra_vertex.pipelines.machine_types import machine_from
    from hydra_vertex.pipelines.registration import serving_from

    cluster = cluster_settings_of(arguments)
    retrain_job = retrain_job_of(arguments)
    # A custom job has checked its machine already.
    machine = (
        None
        if retrain_job
        else machine_from(
            machine_type=arguments.machine_type or "",
            accelerator=arguments.accelerator or "",
            accelerator_count=arguments.accelerator_count,
            cpu=arguments.cpu or "",
            memory=arguments.memory or "",
            is_checked=not arguments.no_machine_check,
        )
    )
    serving = serving_from(arguments.serving_image or "", arguments.model_name or "")
    compile_pipeline(
        path, image=arguments.image, machine=machine, retrain_job=retrain_job, serving=serving, cluster=cluster
    )
