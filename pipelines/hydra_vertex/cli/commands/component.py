"""`hydra-vertex component`: writes a component's file for pipelines of your own."""

from __future__ import annotations

import argparse
import functools

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import alias, file_path, key_type, word
from hydra_vertex.cli.output import show
from hydra_vertex.protocol.errors import CommandError

from .compile import DEFAULT_IMAGE
from .study_options import add_json_option, add_parser

USAGE = "(NAME | --from-app [options]) [--image URI] -o FILE [-- python train.py [ARGUMENT ...]]"
_OF_APP = ("param", "input", "output", "alias", "metric")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "component",
        "write the file of a KFP component, for a pipeline of your own",
        "hydra-vertex component tune --image europe-docker.pkg.dev/p/r/train:1 -o tune.yaml\n"
        "  hydra-vertex component --from-app --input data.path=Dataset --param trainer.max_epochs \\\n"
        "    --output model=Model --image europe-docker.pkg.dev/p/r/train:1 -o train.yaml -- python train.py",
        USAGE,
    )
    parser.add_argument(
        "name",
        type=word,
        nargs="?",
        metavar="NAME",
        help="tune, select_best, retrain or tune_and_retrain; with --from-app the name of the new component",
    )
    parser.add_argument(
        "-o", "--output-file", type=file_path, required=True, metavar="FILE", help="a .yaml or .json file", dest="file"
    )
    parser.add_argument(
        "--image", type=word, default=DEFAULT_IMAGE, metavar="URI", help=f"the image (default: {DEFAULT_IMAGE})"
    )
    parser.add_argument(
        "--data",
        type=word,
        metavar="TYPE",
        help="with tune_and_retrain: an artifact of this type, such as Dataset, is an input, for a key of the app",
    )
    _add_app_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def _add_app_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("a component of the app after --")
    group.add_argument("--from-app", action="store_true", help="its inputs are keys of the app's config")
    add = functools.partial(group.add_argument, action="append", default=[])
    add(
        "--param",
        type=word,
        metavar="KEY",
        help="a key or a config group that is a parameter, with the app's type and value; may be repeated",
    )
    add(
        "--input",
        type=key_type,
        metavar="KEY=TYPE",
        help="a key that gets the local path of an artifact, such as data.path=Dataset; likewise",
    )
    add(
        "--output",
        type=key_type,
        metavar="KEY=TYPE",
        help="a key that gets the path to which the app writes an artifact; model=Model is what it writes to "
        "AIP_MODEL_DIR or a model in Hydra's output folder, output_dir=Artifact that whole folder; likewise",
    )
    add(
        "--alias",
        type=alias,
        metavar="NAME=KEY",
        help="the name of the input or output of a key (default: the key, with _ for every .); likewise",
    )
    group.add_argument("--metric", type=word, metavar="NAME", help="name of the metric that the app returns")


def run(arguments: argparse.Namespace) -> int:
    """Write the file and print its path. Raises UserError."""
    if arguments.from_app:
        return _write_of_app(arguments)
    from hydra_vertex.pipelines.component_list import COMPONENTS, write_component

    for option in _OF_APP:
        if getattr(arguments, option):
            raise CommandError(f"--{option} needs --from-app; add it, or leave --{option} out")
    if not arguments.name:
        raise CommandError(f"the component's name is missing; give one of {', '.join(COMPONENTS)}, or --from-app")
    if arguments.app:
        raise CommandError(f"the component {arguments.name} takes no app's command; leave what follows -- out")
    write_component(arguments.name, arguments.file, arguments.image, arguments.data or "")
    _show_written(arguments, arguments.name)
    return 0


def _write_of_app(arguments: argparse.Namespace) -> int:
    from hydra_vertex.pipelines.app_command import require_command
    from hydra_vertex.pipelines.app_component import AppRequest, app_component, component_name
    from hydra_vertex.pipelines.compiler import compile_to_file

    require_command(arguments.app)
    if arguments.data:
        raise CommandError(f"--data {arguments.data} is for tune_and_retrain; with --from-app use --input KEY=TYPE")
    request = AppRequest(
        app=arguments.app,
        params=tuple(arguments.param),
        inputs=_once("--input", arguments.input),
        outputs=_once("--output", arguments.output),
        names=_once("--alias", [(key, name) for name, key in (text.split("=", 1) for text in arguments.alias)]),
        metric=arguments.metric or "",
        name=arguments.name or "",
    )
    compile_to_file(app_component(request, arguments.image), arguments.file)
    _show_written(arguments, component_name(request))
    return 0


def _once(option: str, given: list[tuple[str, str]]) -> dict[str, str]:
    keys = [key for key, _ in given]
    for key in keys:
        if keys.count(key) > 1:
            raise CommandError(f"{option} {key}: is given twice; leave one of them out")
    return dict(given)


def _show_written(arguments: argparse.Namespace, name: str) -> None:
    if arguments.json:
        show_document("component", {"component": name, "file": str(arguments.file), "image": arguments.image})
    else:
        show(f"{arguments.file}: the component {name} in {arguments.image}")
