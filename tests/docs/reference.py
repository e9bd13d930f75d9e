"""Writes docs/reference/ from the source: `make reference`, or `python -m docs.reference` in tests/.

A test compares the committed pages with what this module makes, so that none of them can be stale.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml

from docs.parsing import subparsers, trial_help
from hydra_vertex.pipelines.local import run_folder
from hydra_vertex.protocol import environment, errors

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/reference"
COMPONENTS = {
    "tune": "components/hpt_launcher/component.yaml",
    "select_best": "components/hpt_launcher/select_best.yaml",
    "retrain": "components/hydra_trainer/component.yaml",
}
TYPES = {
    "STRING": "text",
    "NUMBER_INTEGER": "whole number",
    "NUMBER_DOUBLE": "number",
    "BOOLEAN": "boolean",
    "LIST": "list",
    "STRUCT": "mapping",
}
MADE = "<!-- Written by `make reference`; do not edit. -->\n"


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    made = {
        "cli.md": command_line(),
        "components.md": components(),
        "trial-protocol.md": trial_protocol(),
        "run-folder.md": files_of_a_run(),
        "errors.md": error_tree(),
    }
    return {name: MADE + text for name, text in made.items()}


def command_line() -> str:
    """Every command with all its options, as its own parser knows them."""
    commands = subparsers()
    listed = ", ".join(f"[`{name}`](#hydra-vertex-{name})" for name in commands)
    return (
        "# The command line\n\n"
        "`hydra-vertex COMMAND [options] -- the app's own command`. Exit codes: 0 done; 1 work that failed; 2\n"
        "invalid input, found before anything was launched; 130 Ctrl-C ([errors](errors.md)). Options\n"
        "cannot be abbreviated.\n\n"
        f"{listed}.\n\n" + "\n".join(_command(name, parser) for name, parser in commands.items())
    )


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    groups = "".join(_group(group) for group in parser._action_groups)
    example = inspect.cleandoc((parser.epilog or "").partition("example:")[2])
    shown = f"```text\n{example}\n```\n\n" if example else ""
    return f"## hydra-vertex {name}\n\n{_sentence(parser.description or '')}\n\n{shown}{groups}".rstrip() + "\n"


def _group(group: argparse._ArgumentGroup) -> str:
    actions = [each for each in group._group_actions if each.help != argparse.SUPPRESS and each.dest != "help"]
    if not actions:
        return ""
    unnamed = group.title in {"options", "positional arguments"}
    heading = "" if unnamed else f"**{_sentence(group.title or '')[:-1]}**\n\n"
    rows = [f"| {_form(action)} | {_cell(action.help or '')} |" for action in actions]
    return f"{heading}| option | |\n|---|---|\n" + "\n".join(rows) + "\n\n"


def _form(action: argparse.Action) -> str:
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    if not action.option_strings:
        return f"`{_text(value)}`"
    takes_value = action.nargs != 0
    return ", ".join(f"`{name}{f' {_text(value)}' if takes_value else ''}`" for name in action.option_strings)


def _text(value: str | tuple[str, ...]) -> str:
    """A metavar in one cell of a table: a bar would end the cell."""
    return (value if isinstance(value, str) else " ".join(value)).replace("|", "\\|")


def components() -> str:
    """The inputs and outputs of each component, from its component file."""
    return (
        "# The components\n\n"
        "The steps of the pipeline as KFP components; how they are used: [components](../components.md). "
        "An input with a default value may be left out.\n\n"
        + "\n".join(_component(name, ROOT / path) for name, path in COMPONENTS.items())
    )


def _component(name: str, file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    # KFP keeps a component's description in a comment, and settings of Kubernetes in a second document.
    description = re.search(r"^# Description: (.*)$", text, re.MULTILINE)
    (component,) = next(yaml.safe_load_all(text))["components"].values()
    inputs, outputs = component["inputDefinitions"], component["outputDefinitions"]
    return (
        f"## {name}\n\n{_sentence(description[1] if description else '')}\n\n"
        "| input | type | default | |\n|---|---|---|---|\n"
        + "".join(f"| `{key}` | {kind} | {default} | {text} |\n" for key, kind, default, text in _definitions(inputs))
        + "\n| output | type | |\n|---|---|---|\n"
        + "".join(f"| `{key}` | {kind} | {text} |\n" for key, kind, _, text in _definitions(outputs))
    )


def _definitions(found: Mapping[str, Mapping[str, Mapping[str, object]]]) -> Iterator[tuple[str, str, str, str]]:
    for key, value in found.get("parameters", {}).items():
        kind = TYPES[str(value["parameterType"])]
        yield key, kind, _default(value, kind), _cell(str(value.get("description", "")))
    for key, value in found.get("artifacts", {}).items():
        artifact = value["artifactType"]
        assert isinstance(artifact, Mapping)
        optional = "none" if value.get("isOptional") else ""
        yield key, f"`{artifact['schemaTitle']}`", optional, _cell(str(value.get("description", "")))


def _default(value: Mapping[str, object], kind: str) -> str:
    if "defaultValue" not in value:
        return ""
    default = value["defaultValue"]
    if kind == "whole number" and isinstance(default, float):
        default = int(default)
    return f"`{default}`" if default != "" else "empty"


def trial_protocol() -> str:
    """What a trial gets and gives: variables with example values, and the program's own help."""
    example = environment.TrialEnvironment(
        trial_id="3",
        metric_file="/tmp/hypertune/output.metrics",  # noqa: S108 - an example of a path in a container
        job_id="7001",
        output_dirs=environment.OutputDirs.below("gs://BUCKET/study", "3"),
    )
    rows = "".join(f"| `{name}` | `{value}` |\n" for name, value in example.to_environ().items())
    return (
        "# The trial protocol\n\n"
        "A trial learns who it is from its command line and its environment, on Google Cloud and here\n"
        "alike. The meaning of each part:\n"
        "[hydra-trial](../../components/hydra_trainer/README.md#the-trial-protocol).\n\n"
        "## Environment variables that a service sets\n\n"
        "Here for trial 3 of job 7001 with the output folder `gs://BUCKET/study`. The `AIP_` variables are\n"
        "set when the job has an output folder.\n\n"
        f"| variable | example |\n|---|---|\n{rows}\n"
        f"Further ones that hydra-trial reads: `{environment.METRIC_TAG}` (the metric's name);\n"
        f"`{environment.SWEEP_DIR}` and `{environment.OUTPUT_DIR_FILE}`, which parts of hydra-vertex set for\n"
        "each other.\n\n"
        "## Files\n\n"
        f"The metric file (`{environment.METRIC_FILE}`) has one JSON record a line, as cloudml-hypertune writes it.\n"
        f"Hydra's output goes to `{environment.HYDRA_FOLDER}/` beside the folder of `{environment.MODEL_DIR}`.\n\n"
        f"## hydra-trial\n\n```text\n{trial_help().strip()}\n```\n"
    )


def files_of_a_run() -> str:
    """The files of a run's folder, from the docstring of the module that owns them."""
    return (
        "# The folder of a run\n\n"
        "`hydra-vertex run` writes into `runs/NAME-TIME/`, or the folder of `--out`. Each file is written beside its\n"
        "place and renamed, so a reader never sees a part. What is masked in them: [secrets](../secrets.md).\n\n"
        f"```text\n{_drawn(run_folder.__doc__)}\n```\n\n"
        "The states of a study that was interrupted are in `studies/`; the same command continues it.\n"
    )


def error_tree() -> str:
    """The exceptions with the exit codes of commands that end with them."""
    rows = "".join(
        f"| `{error.__name__}` | {error.exit_code} | {_cell((error.__doc__ or '').split(chr(10) * 2)[0])} |\n"
        for error in _with_subclasses(errors.HydraVertexError)
    )
    return (
        "# Errors and exit codes\n\n"
        "A command ends with one line on stderr and one of four codes. A message names the thing, the value\n"
        "seen, what is allowed and the next step. What to do about the frequent ones:\n"
        "[when something fails](../when-something-fails.md).\n\n"
        f"```text\n{_drawn(errors.__doc__)}\n```\n\n"
        f"| class in `hydra_vertex.protocol.errors` | exit code | |\n|---|---|---|\n{rows}"
    )


def _with_subclasses(kind: type[errors.HydraVertexError]) -> Iterator[type[errors.HydraVertexError]]:
    yield kind
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _with_subclasses(each)


def _drawn(docstring: str | None) -> str:
    """The literal block of a docstring."""
    lines = inspect.cleandoc(docstring or "").partition("::\n")[2].strip("\n").splitlines()
    block = [line for line in lines if line.startswith("    ") or not line]
    return "\n".join(line.removeprefix("    ") for line in block).rstrip()


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) else ".")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("%%", "%").replace("|", "\\|").replace("<", "&lt;")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        FOLDER.joinpath(name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
