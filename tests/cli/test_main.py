from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.cli.main import COMMANDS, build_parser, main, split_app
from hydra_vertex.pipelines.plan import make_plan
from pipelines.apps import SEARCH, Project, make_project

APP = ("--", "python", "app.py")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"))


def search(params: str) -> str:
    return SEARCH[: SEARCH.index("      lr:")] + "".join(f"      {line}\n" for line in params.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert f"example:\n  hydra-vertex {command}" in text


def test_the_help_names_every_command() -> None:
    text = build_parser().format_help()

    assert set(COMMANDS) <= {line.split()[0] for line in text.splitlines() if line.startswith("    ")}


def test_help_imports_nothing_heavy() -> None:
    heavy = "'kfp google.cloud.aiplatform google.api_core optuna hydra omegaconf rich yaml starlette'.split()"
    code = (
        "import sys; from hydra_vertex.cli.main import build_parser; build_parser().format_help(); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == "[]\n"


def test_the_app_s_command_is_everything_after_the_first_separator() -> None:
    assert split_app(["run", "--search", "s", "--", "python", "a.py", "--", "x"]) == (
        ["run", "--search", "s"],
        ("python", "a.py", "--", "x"),
    )
    assert split_app(["best", "job.json"]) == (["best", "job.json"], ())


BAD_SEARCH = {
    "not YAML": ("a: [", "not YAML"),
    "no params": ("hydra: {sweeper: {direction: minimize}}", "hydra.sweeper.params is None"),
    "empty interval": (search("lr: interval(1, 1)"), "the interval is empty"),
    "log over zero": (search("lr: tag(log, interval(0, 1))"), "a log scale needs values above 0"),
    "log below zero": (search("lr: tag(log, interval(-1, 1))"), "a log scale needs values above 0"),
    "unknown key": (search("learning_rate: interval(0, 1)"), "learning_rate"),
    "near key": (search("dept: int(interval(1, 2))"), "did you mean 'depth'?"),
    "unknown option": (search("model: choice(small, huge)"), "huge"),
}


@pytest.mark.parametrize("case", BAD_SEARCH)
@pytest.mark.parametrize("command", ["check", "run"])
def test_an_invalid_search_space_is_one_line_and_nothing_is_launched(
    project: Project, tmp_path: Path, case: str, command: str
) -> None:
    text, says = BAD_SEARCH[case]
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    out = ("--out", str(tmp_path / "out")) if command == "run" else ()

    ended = project.hydra_vertex(command, "--search", str(file), *out, *APP)

    assert ended.code == 2
    assert ended.stdout == ""
    line = ended.stderr.splitlines()[-1]
    assert line.startswith("hydra-vertex: ")
    assert says in line
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--search", "nothing.yaml", *APP), "nothing.yaml: no such search file"),
        (("--search", "search.yaml", "--trials", "2", "--parallel", "3", *APP), "3 parallel trials of 2 in total"),
        (("--search", "search.yaml", "--trials", "0", *APP), "expected a whole number from 1 to 2147483647"),
        (("--search", "search.yaml"), "the app's command is missing"),
        (("--search", "search.yaml", "--", "python", "nope.py"), "nope.py"),
        (("--search", "search.yaml", "--", "no-such-command"), "no-such-command"),
        (("--search", "search.yaml", "--", "python", "app.py", "lrr=1"), "lrr"),
        (("--search", "search.yaml", "--", "python", "app.py", "-m"), "-m: would make each trial a sweep"),
        (("--search", "search.yaml", *APP, "--cfg=job"), "--cfg: Hydra prints something"),
        (("--search", "search.yaml", *APP, "--cfg", "job"), "--cfg: Hydra prints something"),
        (("--search", "search.yaml", *APP, "--help"), "--help: Hydra prints something"),
        (("--search", "search.yaml", *APP, "-i"), "-i: Hydra prints something"),
        (("--search", "search.yaml", *APP, "note=a,b"), "note=a,b: has several values"),
        (("--search", "search.yaml", *APP, "note=choice(a,b)"), "note=choice(a,b): has several values"),
        (("--search", "search.yaml", *APP, "+seed=range(1,3)"), "+seed=range(1,3): has several values"),
        (("--search", "search.yaml", *APP, "model=glob(*)"), "model=glob(*): has several values"),
        (("--search", "search.yaml", "--retrain", "note=a,b", *APP), "--retrain note=a,b: note=a,b: has several"),
        (("--search", "search.yaml", "--pipeline", "nothing.json", *APP), "nothing.json: cannot be read"),
        (("--search", "search.yaml", "--trial-timeout", "-3", *APP), "-3"),
        (("--search", "search.yaml", "--trials-per-gpu", "2", *APP), "--trials-per-gpu: no GPU is visible here"),
        (("--search", "search.yaml", "--trial-memory", "lots", *APP), "is not a size above 0"),
    ],
)
def test_an_invalid_command_line_is_one_line_and_nothing_is_launched(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    at = arguments.index("--") if "--" in arguments else len(arguments)
    out = ("--out", str(tmp_path / "out"))

    ended = project.hydra_vertex("run", *arguments[:at], *out, *arguments[at:])

    assert ended.code == 2
    assert says in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "out" / "studies").exists()


def test_an_output_folder_with_other_files_is_refused_and_not_changed(project: Project, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")

    ended = project.hydra_vertex("run", "--search", "search.yaml", "--out", str(tmp_path), *APP)

    assert ended.code == 2
    assert "is not empty and has no run" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


GCLOUD_SEARCH = """
studySpec:
  metrics: [{metricId: val/loss, goal: MINIMIZE}]
  parameters: [{parameterId: lr, doubleValueSpec: {minValue: 0.1, maxValue: 1.0}}]
  medianAutomatedStoppingSpec: {useElapsedDuration: true}
"""


@pytest.mark.parametrize(
    ("asked", "field", "monitor"),
    [
        ({}, {"medianAutomatedStoppingSpec": {"useElapsedDuration": True}}, ["val/loss"]),
        ({"early_stopping": "decay-curve"}, {"decayCurveStoppingSpec": {}}, ["val/loss"]),
        ({"early_stopping": "convex", "monitor": ("val/acc",)}, {"convexAutomatedStoppingSpec": {}}, ["val/acc"]),
        ({"early_stopping": "none"}, {}, []),
    ],
)
def test_early_stopping_is_that_of_the_flag_or_of_the_file_and_the_objective_is_monitored(
    tmp_path: Path, asked: dict[str, Any], field: dict[str, object], monitor: list[str]
) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(GCLOUD_SEARCH)
    arguments = make_plan(file, ("python", "app.py"), **asked).pipeline_arguments(project="p", location="l")
    study_spec = json.loads(str(arguments["study_spec"]))

    assert {name: value for name, value in study_spec.items() if "Stopping" in name} == field
    assert json.loads(str(arguments["monitor"])) == monitor


def test_a_hydra_search_file_has_no_early_stopping_without_the_flag(project: Project) -> None:
    plain = project.hydra_vertex("check", "--search", "search.yaml", "--json", *APP)
    asked = project.hydra_vertex("check", "--search", "search.yaml", "--early-stopping", "median", "--json", *APP)

    assert "Stopping" not in plain.stdout
    assert json.loads(asked.stdout)["studySpec"]["medianAutomatedStoppingSpec"] == {}


ALIASED = """
studySpec:
  metrics: [{metricId: loss, goal: MINIMIZE}]
  parameters: [{parameterId: rate, doubleValueSpec: {minValue: 0.1, maxValue: 1}}]
maxTrialCount: 4
trialJobSpec:
  workerPoolSpecs:
  - machineSpec: {machineType: n1-standard-4}
    containerSpec: {imageUri: i, env: [{name: NOTE, value: from the file}]}
"""


def test_check_and_its_trial_have_the_aliases_and_the_variables_of_the_file(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(ALIASED)
    options = ("--alias", "rate=lr", "--smoke", "--json")

    ended = project.hydra_vertex("check", "--search", str(file), *options, *APP, "note=${oc.env:NOTE}")

    assert ended.code == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert document["types"] == {"rate": "float"}
    assert document["smoke"]["problem"] == ""
    assert any("parallelTrialCount is not set: 2 trials at once" in notice for notice in document["notices"])


def test_check_shows_each_type_that_the_values_of_a_parameter_have(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(search("note: null, 0.1, relu\n+new: 1, 2"))

    ended = project.hydra_vertex("check", "--search", str(file), "--json", *APP)

    assert json.loads(ended.stdout)["types"] == {"note": "null | float | str", "+new": "int"}


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_check_names_a_whole_number_that_trials_set_to_floats(
    project: Project, tmp_path: Path, options: tuple[str, ...]
) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(search("depth: interval(1, 4)"))

    ended = project.hydra_vertex("check", "--search", str(file), *options, *APP)

    assert ended.code == 0
    assert "depth is 1 in the app's config, a whole number; trials set it to floats" in ended.stdout


def test_check_prints_the_search_space_with_the_types_of_the_app(project: Project) -> None:
    ended = project.hydra_vertex("check", "--search", "search.yaml", "--json", *APP)

    assert (ended.code, ended.stderr) == (0, "")
    document = json.loads(ended.stdout)
    assert document["types"] == {"lr": "float", "depth": "int", "model": "config group"}
    assert document["studySpec"]["metrics"] == [{"metricId": "val/loss", "goal": "MINIMIZE"}]
    assert (document["maxTrialCount"], document["parallelTrialCount"]) == (4, 2)


def test_an_app_that_fails_before_its_config_is_reported_with_its_error(project: Project) -> None:
    project.write("broken.py", "import no_such_module_of_mine\n")

    ended = project.hydra_vertex("check", "--search", "search.yaml", "--", "python", "broken.py")

    assert ended.code == 1
    assert (
        "broken.py ++optimized_metric=val/loss: failed with exit code 1 before its config was composed" in ended.stderr
    )
    assert "No module named 'no_such_module_of_mine'" in ended.stderr


def test_compile_writes_json_and_yaml(project: Project, tmp_path: Path) -> None:
    for suffix in ("json", "yaml"):
        ended = project.hydra_vertex("compile", "-o", str(tmp_path / f"p.{suffix}"), "--image", "gcr.io/p/i", "--json")
        assert json.loads(ended.stdout) == {
            "schema": "urn:hydra-vertex:compile:1.0",
            "pipeline": str(tmp_path / f"p.{suffix}"),
            "image": "gcr.io/p/i",
            "retrainAs": "task",
        }

    assert "gcr.io/p/i" in (tmp_path / "p.json").read_text()


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "kfp", None)
    monkeypatch.delitem(sys.modules, "hydra_vertex.pipelines.compiler", raising=False)
    monkeypatch.delitem(sys.modules, "hydra_vertex.launcher.steps.component", raising=False)

    assert main(["compile", "-o", str(tmp_path / "p.json")]) == 2
    assert "pip install 'hydra-vertex[all]'" in capsys.readouterr().err


def test_a_file_that_is_not_a_pipeline_is_refused_before_the_folder_exists(project: Project, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("{}")
    options = ("--search", "search.yaml", "--pipeline", str(tmp_path / "p.json"), "--out", str(tmp_path / "out"))

    ended = project.hydra_vertex("run", *options, *APP)

    assert ended.code == 2
    assert "p.json: not a compiled pipeline; `hydra-vertex compile -o pipeline.json` makes one" in ended.stderr
    assert not (tmp_path / "out").exists()
