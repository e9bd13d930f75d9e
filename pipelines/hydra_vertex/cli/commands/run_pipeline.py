"""`hydra-vertex run-pipeline`: runs a compiled pipeline of your own on this machine."""

from __future__ import annotations

import argparse
import re
import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path
from hydra_vertex.cli.output import say, show_table
from hydra_vertex.protocol.errors import CommandError, Interrupted
from hydra_vertex.service.devices.resource_options import add_resource_options, resources_from

from .engine_options import add_engine_options, engine_options_from
from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.pipelines.local.kfp_local import LocalRun
    from hydra_vertex.protocol.json import Json


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "run-pipeline",
        "run a compiled pipeline of your own on this machine, with our components and @dsl.component steps",
        "hydra-vertex run-pipeline nightly.yaml epochs=3 'grid=[1, 2]' --out runs/nightly",
    )
    parser.add_argument("file", type=file_path, metavar="FILE", help="a .json or .yaml file that kfp has compiled")
    parser.add_argument(
        "arguments",
        nargs="*",
        metavar="NAME=VALUE",
        help="an argument of the pipeline; a text as it is, a list or a mapping as JSON",
    )
    parser.add_argument(
        "--out", type=file_path, metavar="DIR", help="output folder, new or empty (default: runs/NAME-TIME)"
    )
    add_resource_options(parser, shared=True)
    add_engine_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the pipeline and print the outputs of its steps. Raises UserError, StepFailed, Interrupted."""
    from hydra_vertex.pipelines.compiled_pipeline import read_pipeline
    from hydra_vertex.pipelines.local.guard import children_marked, guarded, marker
    from hydra_vertex.pipelines.local.own_pipeline import arguments_of, kubernetes_steps, run_own_pipeline

    if arguments.app:
        raise CommandError("run-pipeline takes no app's command; leave what follows -- out")
    given = arguments_of(arguments.file, arguments.arguments)
    engine = engine_options_from(arguments)
    folder = _folder(arguments.out, read_pipeline(arguments.file).name)
    mark = marker(uuid.uuid4().hex, folder)
    if steps := kubernetes_steps(arguments.file):
        say(f"{arguments.file}: the Kubernetes settings of {', '.join(steps)} have no effect on this machine")
    say(f"running {arguments.file} in {folder}")
    try:
        with guarded(mark), children_marked(mark):
            done = run_own_pipeline(arguments.file, given, folder, resources_from(arguments), engine)
    except KeyboardInterrupt as error:
        raise Interrupted(f"stopped; what the steps have written is in {folder}") from error
    if arguments.json:
        outputs = {name: _document(done, name) for name in done.outputs}
        show_document("run-pipeline", {"folder": str(folder), "steps": outputs})
    else:
        show_table(("step", "output", "value"), list(_rows(done)))
    return 0


def _folder(given: Path | None, name: str) -> Path:
    default = Path("runs", f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)[:48]}-{datetime.now():%Y%m%d-%H%M%S}")
    return (given or default).absolute()


def _document(done: LocalRun, step: str) -> dict[str, Json]:
    artifacts: dict[str, Json] = {
        name: {"uri": uri, "metadata": done.metadata(step, name)} for name, uri in done.artifacts(step).items()
    }
    return {"artifacts": artifacts, "parameters": done.parameters(step)}


def _rows(done: LocalRun) -> list[tuple[str, str, str]]:
    rows = []
    for step in done.outputs:
        values = {**done.artifacts(step), **done.parameters(step)}
        rows += [(step, name, str(value)) for name, value in values.items()] or [(step, "", "")]
    return rows
