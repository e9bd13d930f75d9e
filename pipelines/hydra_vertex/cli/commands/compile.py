"""`hydra-vertex compile`: compiles the pipeline to a file for Vertex Pipelines, Kubeflow or a local run."""

from __future__ import annotations

import argparse
from pathlib import Path

from hydra_vertex.cli.option_types import file_path, whole_number, word
from hydra_vertex.cli.output import show, show_json

from .study_options import add_json_option, add_parser

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
    machine.add_argument("--accelerator", type=word, metavar="TYPE", help="such as NVIDIA_L4 or NVIDIA_TESLA_T4")
    machine.add_argument("--accelerator-count", type=whole_number(1), default=1, metavar="N", help="default: 1")
    machine.add_argument("--cpu", type=word, help="vCPUs, instead of a machine type")
    machine.add_argument("--memory", type=word, help="memory such as 32G, instead of a machine type")


def run(arguments: argparse.Namespace) -> int:
    """Compile the pipeline and print the path of the file."""
    compile_to(arguments.output, arguments)
    if arguments.json:
        show_json({"pipeline": str(arguments.output), "image": arguments.image})
    else:
        show(f"{arguments.output}: tune, select_best, retrain in {arguments.image}")
    return 0


def compile_to(path: Path, arguments: argparse.Namespace) -> None:
    """Compile the pipeline to `path`, with the machine options in `arguments`."""
    from hydra_vertex.pipelines.compiler import compile_pipeline
    from hydra_vertex.pipelines.machine_types import machine_from

    machine = machine_from(
        machine_type=arguments.machine_type or "",
        accelerator=arguments.accelerator or "",
        accelerator_count=arguments.accelerator_count,
        cpu=arguments.cpu or "",
        memory=arguments.memory or "",
    )
    compile_pipeline(path, image=arguments.image, machine=machine)
