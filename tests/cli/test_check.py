"""`hydra-vertex check` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.apps import SEARCH, Project, make_project

APP = ("--", "python", "app.py")
WRONG = SEARCH.replace("depth:", "depht:").replace("choice(small, large)", "choice(small, huge)")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def check(project: Project, *arguments: str, search: str = SEARCH) -> tuple[int, str, str]:
    project.write("search.yaml", search)
    ended = project.hydra_vertex("check", "--search", "search.yaml", *arguments)
    assert "Traceback" not in ended.stderr
    return ended.code, ended.stdout, ended.stderr


def test_an_accepted_space_is_a_table_with_types(project: Project) -> None:
    code, stdout, stderr = check(project, *APP)

    assert (code, stderr) == (0, "")
    assert "config group" in stdout
    assert "minimize val/loss, 4 trials, 2 at once: the app's config accepts every parameter" in stdout


def test_several_findings_are_a_table_and_one_line_on_stderr(project: Project) -> None:
    code, stdout, stderr = check(project, "--retrain", "lrr=1", *APP, search=WRONG)

    assert code == 2
    assert stderr == "hydra-vertex: the app does not accept the search space: 3 problems, listed above\n"
    for word in ("depht", "huge", "--retrain"):
        assert word in stdout
    assert "accepts every parameter" not in stdout


def test_a_single_finding_is_one_line(project: Project) -> None:
    code, stdout, stderr = check(project, *APP, search=SEARCH.replace("depth:", "depht:"))

    assert code == 2
    assert stderr.startswith("hydra-vertex: --depht=")
    assert stderr.count("\n") == 1
    assert "┃" not in stdout


def test_findings_are_in_json(project: Project) -> None:
    code, stdout, _ = check(project, "--json", *APP, search=WRONG)

    document = json.loads(stdout)
    assert code == 2
    assert {finding["parameter"] for finding in document["findings"]} == {"depht", "model"}
    assert set(document["findings"][0]) == {"parameter", "value", "with", "problem"}
    assert document["points"]["tried"] > 0
    assert document["smoke"] is None


def test_smoke_runs_one_trial_and_states_its_metric(project: Project) -> None:
    code, stdout, stderr = check(project, "--smoke", "--smoke-overrides", "sleep_s=0.1", "--json", *APP)

    smoke = json.loads(stdout)["smoke"]
    assert code == 0, stderr
    assert smoke["metric"] == "val/loss"
    assert smoke["value"] > 0
    assert smoke["arguments"][-1] == "sleep_s=0.1"
    assert "one trial reported val/loss = " in check(project, "--smoke", *APP)[1]
    assert not (project.path / "outputs").exists()


def test_a_smoke_trial_that_fails_is_refused_with_its_last_lines(project: Project) -> None:
    code, stdout, stderr = check(project, "--smoke", "--smoke-overrides", "mode=crash", *APP)

    assert code == 2
    assert "ValueError: the app's own error" in stdout
    assert "failed with exit code 1" in stderr
    assert stderr.count("\n") == 2


@pytest.mark.parametrize(("option", "value"), [("--smoke-overrides", "mode=crash"), ("--smoke-timeout", "5")])
def test_an_option_of_the_trial_needs_smoke(project: Project, option: str, value: str) -> None:
    code, _, stderr = check(project, option, value, *APP)

    assert (code, stderr) == (2, f"hydra-vertex: {option} needs --smoke; add --smoke\n")


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_study_that_no_step_can_be_given_is_refused_with_its_largest_parameters(
    project: Project, command: str
) -> None:
    numbers = ",".join(f"{number / 7:.17f}" for number in range(1000))
    project.write("search.yaml", SEARCH + "".join(f"      p{n}: choice({numbers})\n" for n in range(8)))

    ended = project.hydra_vertex(command, "--search", "search.yaml", *APP)

    assert ended.code == 2
    assert "a step of the pipeline gets the study as one argument of" in ended.stderr
    assert "p0 (" in ended.stderr
    assert ended.stderr.count("\n") == 1
