"""`hydra-vertex explain`: shows what an app makes of its arguments, and its composed config; nothing is launched."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import alias
from hydra_vertex.cli.output import show, show_table
from hydra_vertex.launcher.text.terminal import excerpt, is_name

from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.protocol.explanation import Explanation
    from hydra_vertex.protocol.json import JsonObject


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "explain",
        "show what the app makes of its arguments and of a trial's parameters; nothing is launched",
        "hydra-vertex explain --parameter optimizer.lr=0.003 -- python train.py experiment=docs",
        "[--parameter KEY=VALUE ...] -- python train.py [ARGUMENT ...]",
    )
    parser.add_argument(
        "--parameter",
        type=_parameter,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a parameter of a trial, which is typed by the app's config; may be repeated",
    )
    parser.add_argument(
        "--alias", type=alias, action="append", default=[], metavar="ID=KEY", help="the parameter ID sets the app's KEY"
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def _parameter(text: str) -> str:
    if not is_name(text.partition("=")[0]) or "=" not in text:
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))}: expected KEY=VALUE, such as optimizer.lr=0.003")
    return text


def run(arguments: argparse.Namespace) -> int:
    """Ask the app, which composes its config and then exits. Raises UserError when it refuses an argument, AppError."""
    from hydra_vertex.launcher.preflight.app_environment import app_environment
    from hydra_vertex.launcher.preflight.ask_app import asking
    from hydra_vertex.pipelines.app_command import require_command

    require_command(arguments.app)
    options = [f"--alias={item}" for item in arguments.alias]
    with app_environment({}), asking(arguments.app, options=options) as pending:
        explanation = pending.connected().explain([f"--{item}" for item in arguments.parameter])
    if arguments.json:
        show_document("explain", _document(explanation))
    else:
        _show(explanation)
    return 0


def _document(explanation: Explanation) -> JsonObject:
    from hydra_vertex.launcher.secrets.masker import masker, secrets_in_arguments, secrets_in_document
    from hydra_vertex.protocol.explanation import dump_argument

    config = explanation.composed.config
    mask = masker((*secrets_in_arguments(explanation.command), *secrets_in_document(config)))
    return {
        "arguments": [mask.value("", dump_argument(item)) for item in explanation.arguments],
        "command": mask.arguments(_command(explanation)),
        "config": mask.value("", config),
        "choices": dict(explanation.composed.choices),
        "groups": {group: list(options) for group, options in explanation.groups.items()},
        "interpreter": explanation.interpreter,
    }


def _show(explanation: Explanation) -> None:
    rows = [(item.argument, item.kind.value, item.type or "-", item.override) for item in explanation.arguments]
    show_table(("argument", "taken for", "type", "override"), rows)
    show(shlex.join(_command(explanation)))


def _command(explanation: Explanation) -> tuple[str, ...]:
    """Return the app's command with the overrides. `program` ends with Hydra's flags, which `command` has as well."""
    return (*explanation.program[: len(explanation.program) - len(explanation.flags)], *explanation.command)
