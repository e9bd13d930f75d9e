"""docs/vertex-fields.md names every field of a tuning job, and where it can be set."""

from __future__ import annotations

import ast
import importlib.util
import re
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from hydra_vertex.cli.main import build_parser, main
from hydra_vertex.launcher.machine_table import TABLE_DATE
from hydra_vertex.pipelines.compiler import compile_pipeline
from pipelines.apps import make_project
from pipelines.every_field import JOB, OUTPUT_FIELDS

TEXT = (ROOT / "docs/vertex-fields.md").read_text(encoding="utf-8")
LINE = re.compile(r"^\| `([\w.]+)` \| `(\w+)` \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
ROWS = {field: (parameter, option, ops) for field, parameter, option, *ops in LINE.findall(TEXT)}
OPTIONS = {field: option.strip("`") for field, (_, option, _) in ROWS.items() if option.startswith("`--")}


def fields(message: Any = JOB, path: tuple[str, ...] = ()) -> Iterator[str]:
    for field in message.fields:
        if message is JOB and field.json_name in OUTPUT_FIELDS:
            continue
        inner, here = field.message_type, (*path, field.json_name)
        is_leaf = inner is None or inner.GetOptions().map_entry or inner.full_name.startswith("google.protobuf.")
        if is_leaf or field.json_name == "conditionalParameterSpecs":
            yield ".".join(here)
        else:
            yield from fields(inner, here)


def test_every_field_that_a_user_can_set_has_a_row() -> None:
    assert sorted(set(fields()) - ROWS.keys()) == []


def test_every_row_is_that_of_a_field() -> None:
    if int(version("google-cloud-aiplatform").partition(".")[0]) < 2:
        pytest.skip("earlier versions of google-cloud-aiplatform lack some fields")
    assert sorted(ROWS.keys() - set(fields())) == []


def test_the_parameters_are_those_of_the_pipeline(tmp_path: Path) -> None:
    compile_pipeline(tmp_path / "pipeline.yaml")
    spec = next(yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text()))

    assert {parameter for parameter, _, _ in ROWS.values()} <= spec["root"]["inputDefinitions"]["parameters"].keys()


def options_of(command: str) -> set[str]:
    commands: Any = next(
        action for action in build_parser()._actions if action.dest == "==SUPPRESS==" or action.choices
    )
    return {option for action in commands.choices[command]._actions for option in action.option_strings}


@pytest.mark.parametrize("command", ["submit", "job"])
def test_the_options_are_those_of_the_command(command: str) -> None:
    assert set(OPTIONS.values()) <= options_of(command)


VALUES = {
    "--name": "n",
    "--trials": "9",
    "--parallel": "2",
    "--max-failed-trials": "3",
    "--label": "team=a",
    "--encryption-key": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
    "--persistent-resource": "r",
    "--image": "other",
    "--trial-machine-type": "n1-standard-16",
    "--trial-accelerator": "NVIDIA_TESLA_T4",
    "--trial-accelerator-count": "2",
    "--worker-pool-spec": "machine-type=n1-standard-8,replica-count=1",
    "--trial-disk": "pd-ssd:200",
    "--trial-timeout": "60",
    "--restart": "job",
    "--strategy": "flex-start",
    "--max-wait": "60",
    "--trial-service-account": "a@b",
    "--network": "projects/1/global/networks/n",
    "--reserved-ip-range": "r",
    "--network-attachment": "a",
    "--root": "gs://b/r",
    "--tensorboard": "projects/p/locations/l/tensorboards/1",
}
BESIDE = {
    "--trial-accelerator-count": ("--trial-accelerator", "NVIDIA_TESLA_T4"),
    "--max-wait": ("--strategy", "flex-start"),
    "--reserved-ip-range": ("--network", VALUES["--network"]),
    "--tensorboard": ("--service-account", "a@b"),
}


@pytest.mark.parametrize("field", OPTIONS)
def test_an_option_sets_the_field_of_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], field: str
) -> None:
    option = OPTIONS[field]
    monkeypatch.chdir(make_project(tmp_path).path)
    given = (option, VALUES[option], *BESIDE.get(option, ()))
    basis = ("--root", "gs://b/r", "--image", "i", "--search", "search.yaml")

    assert main(["job", "--no-check", *basis, *given, "--", "python", "app.py"]) == 0

    found: Any = yaml.safe_load(capfd.readouterr().out)
    for name in field.split("."):
        found = found[0][name] if isinstance(found, list) else found[name]
    assert found not in (None, "", {}, [])


def test_the_documented_month_is_that_of_the_machine_table() -> None:
    assert f"a table of {TABLE_DATE} by" in TEXT


def op_parameters(module: str, function: str) -> set[str]:
    """Return the parameters of a function in the sources of google-cloud-pipeline-components."""
    spec = importlib.util.find_spec("google_cloud_pipeline_components")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("`make google-components` runs this")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Google's docstrings have invalid escape sequences.
        tree = ast.parse(Path(spec.submodule_search_locations[0], "v1", module).read_text())
    found = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function)
    return {argument.arg for argument in found.args.args} - {"project", "location", "gcp_resources"}


@pytest.mark.parametrize(
    ("column", "module", "function"),
    [
        (0, "hyperparameter_tuning_job/component.py", "hyperparameter_tuning_job"),
        (1, "custom_job/utils.py", "create_custom_training_job_from_component"),
    ],
)
def test_the_last_columns_have_every_parameter_of_googles_ops(column: int, module: str, function: str) -> None:
    assert {ops[column].strip("`") for _, _, ops in ROWS.values()} - {"-"} == op_parameters(module, function)
