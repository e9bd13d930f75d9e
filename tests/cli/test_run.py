"""A whole run with a small app: check, tune, select, retrain, report; also with failing trials and Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from hydra_vertex.job import HyperparameterTuningJob, JobState, TrialState
from hydra_vertex.launcher.files.job_file import read_job
from launcher.report.page_logs import page_logs
from pipelines.apps import SEARCH, Ended, Project, environment, make_project

APP = ("--", "python", "app.py", "experiment=mine")


@dataclass(frozen=True)
class Finished:
    project: Project
    ended: Ended
    out: Path

    @property
    def job(self) -> HyperparameterTuningJob:
        return read_job(self.out / "job.json")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    project = make_project(tmp_path_factory.mktemp("project"))
    out = project.path / "the out"
    ended = project.hydra_vertex("run", "--search", "search.yaml", "--out", str(out), "--json", *APP)
    assert ended.code == 0, ended.stderr
    return Finished(project, ended, out)


def test_a_run_writes_its_result_to_one_folder(finished: Finished) -> None:
    result = json.loads(finished.ended.stdout)

    assert finished.job.state is JobState.SUCCEEDED
    assert len(finished.job.trials) == 4
    for name in ("job", "best", "overrides", "report", "model"):
        assert Path(result["files"][name]).exists(), name
    assert sorted(path.name for path in (finished.out / "logs").iterdir()) == [f"trial-{n}.log" for n in range(1, 5)]
    assert "training with" in (finished.out / "logs" / "trial-1.log").read_text()
    report = (finished.out / "report.html").read_text()
    assert "<html" in report[:2000]
    ends = page_logs(report)["ends"]
    assert sorted(ends) == ["1", "2", "3", "4"]
    assert all("training with" in end for end in ends.values())
    assert "logs/trial-N.log in the folder of the run" in report


def test_the_best_trial_has_the_smallest_value_and_retraining_reproduces_it(finished: Finished) -> None:
    result = json.loads(finished.ended.stdout)
    values = [trial.objective("val/loss") for trial in finished.job.trials]

    assert result["value"] == min(value for value in values if value is not None)
    assert result["retrainedValue"] == pytest.approx(result["value"])


def test_the_model_is_the_output_of_the_app_with_the_best_config(finished: Finished) -> None:
    overrides = (finished.out / "overrides.txt").read_text().splitlines()
    lr, depth, model = (finished.out / "model" / "model.txt").read_text().split()

    assert overrides == [f"lr={lr}", f"depth={depth}", f"model={model}"]
    assert json.loads(finished.ended.stdout)["overrides"] == overrides


def test_the_printed_command_runs_the_app_with_the_best_config(finished: Finished) -> None:
    result = json.loads(finished.ended.stdout)
    command = shlex.split(result["reproduce"])
    assert command[:2] == ["python", "app.py"]
    assert "experiment=best" in command

    shown = subprocess.run(
        [sys.executable, *command[1:], "--cfg", "job"],
        cwd=finished.project.path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    lr, depth, model = (finished.out / "model" / "model.txt").read_text().split()
    assert f"lr: {lr}\n" in shown
    assert f"depth: {depth}\n" in shown
    assert f"name: {model}\n" in shown
    assert "note: mine\n" in shown


def test_the_experiment_file_selects_config_groups_and_does_not_copy_their_values(finished: Finished) -> None:
    text = (finished.out / "best.yaml").read_text()

    assert text.startswith("# @package _global_\n")
    assert "note: mine" not in text
    assert "- mine" in text
    assert "width:" not in text


def test_best_and_report_need_only_the_job_file(finished: Finished, tmp_path: Path) -> None:
    job, target = str(finished.out / "job.json"), tmp_path / "experiment" / "best.yaml"

    best = finished.project.hydra_vertex("best", job, "-o", str(target), "--json")
    report = finished.project.hydra_vertex("report", job, "-o", str(tmp_path / "r.html"))

    assert best.code == 0, best.stderr
    assert target.read_text() == (finished.out / "best.yaml").read_text()
    differences = {d["key"]: (d["default"], d["best"]) for d in json.loads(best.stdout)["differences"]}
    assert differences["note"] == ("007", "mine")
    assert report.code == 0, report.stderr
    assert (tmp_path / "r.html").exists()


def test_the_report_of_a_runs_folder_has_the_command_of_the_best_trial(finished: Finished, tmp_path: Path) -> None:
    report = finished.project.hydra_vertex("report", str(finished.out), "-o", str(tmp_path / "r.html"))
    assert (report.code, report.stderr) == (0, "")
    page = (tmp_path / "r.html").read_text()
    assert "python app.py " in page
    assert "The difference to the default config" in page


def test_best_prints_the_command_that_uses_its_file(finished: Finished, tmp_path: Path) -> None:
    target = tmp_path / "experiment" / "best.yaml"
    ended = finished.project.hydra_vertex("best", str(finished.out / "job.json"), "-o", str(target))

    assert f"python app.py --config-dir {tmp_path} experiment=best" in ended.stdout


def test_the_same_command_continues_in_its_folder_and_another_study_is_refused(finished: Finished) -> None:
    base = ("run", "--search", "search.yaml", "--out", str(finished.out))

    again = finished.project.hydra_vertex(*base, "--json", *APP)
    other = finished.project.hydra_vertex(*base, "--monitor", "val/acc", *APP)

    assert again.code == 0, again.stderr
    assert len(finished.job.trials) == 4
    assert json.loads(again.stdout)["value"] == json.loads(finished.ended.stdout)["value"]
    assert other.code == 2
    assert "has another study (different: monitor)" in other.stderr


def test_more_trials_go_on_with_the_finished_ones_and_fewer_only_select_again(tmp_path: Path) -> None:
    project, out = make_project(tmp_path), tmp_path / "out"

    def trials(count: int) -> dict[str, object]:
        run = ("run", "--search", "search.yaml", "--out", str(out), "--no-check", "--seed", "3")
        ended = project.hydra_vertex(*run, "--trials", str(count), *APP)
        assert ended.code == 0, ended.stderr
        return {trial.id: (trial.parameters, trial.final_measurement) for trial in read_job(out / "job.json").trials}

    first, more, fewer = trials(2), trials(4), trials(1)

    assert len(more) == 4
    assert {key: more[key] for key in first} == first
    assert fewer == more


def test_runs_with_the_same_seed_try_the_same_parameters(tmp_path: Path) -> None:
    project = make_project(tmp_path)

    def parameters(name: str, *options: str) -> list[object]:
        run = ("run", "--search", "search.yaml", "--out", name, "--no-check", "--trials", "2", *options)
        ended = project.hydra_vertex(*run, *APP)
        assert ended.code == 0, ended.stderr
        return [dict(trial.parameters) for trial in read_job(tmp_path / name / "job.json").trials]

    assert parameters("a", "--seed", "3") == parameters("b", "--seed", "3") != parameters("c", "--seed", "4")


def test_an_app_that_overrides_its_experiment_gets_overrides_instead(finished: Finished, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    config = (tmp_path / "conf/config.yaml").read_text()
    project.write("conf/config.yaml", config.replace("  - _self_\n", "").replace("null\n", "null\n  - _self_\n", 1))

    document = json.loads((finished.out / "job.json").read_text())
    for trial in document["trials"]:  # the best trial, whichever it is, differs from the app's config in both keys
        values = {"lr": 0.2, "depth": 3}
        trial["parameters"] = [
            {**one, "value": values.get(one["parameterId"], one["value"])} for one in trial["parameters"]
        ]
    project.write("job.json", json.dumps(document))

    ended = project.hydra_vertex("best", "job.json", "-o", "best.yaml", "--json")

    assert ended.code == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert "does not give depth, lr" in result["shortfall"].replace("lr, depth", "depth, lr")
    assert {"lr=0.2", "depth=3"} < set(result["overrides"])
    assert "# NOTE: as an experiment this file does not give" in (tmp_path / "best.yaml").read_text()


def test_failing_trials_are_infeasible_with_their_error_and_never_selected(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    modes = ["ok", "crash", "none", "nan", "text", "hang"]
    # The space has six points and the study six trials, so that each mode is tried once.
    params = "      mode: ok, crash, none, 'nan', text, hang\n"
    project.write("search.yaml", SEARCH[: SEARCH.index("      lr:")] + params)
    options = ("--trials", "6", "--parallel", "2", "--trial-timeout", "10", "--out", "out", "--json")

    ended = project.hydra_vertex("run", "--search", "search.yaml", *options, "--", "python", "app.py")

    assert ended.code == 0, ended.stderr
    job = read_job(tmp_path / "out" / "job.json")
    reasons = {str(trial.parameters["mode"]): trial.infeasible_reason for trial in job.trials}
    states = {str(trial.parameters["mode"]): trial.state for trial in job.trials}
    assert states == {mode: TrialState.SUCCEEDED if mode == "ok" else TrialState.INFEASIBLE for mode in modes}
    assert "ValueError: the app's own error" in reasons["crash"]
    assert "None" in reasons["none"]
    assert "nan" in reasons["nan"].lower()
    assert "good" in reasons["text"]
    assert "10 s" in reasons["hang"]
    assert all("training with" in reasons[mode] for mode in modes[1:])
    assert json.loads(ended.stdout)["bestTrial"] == next(t.id for t in job.trials if t.parameters["mode"] == "ok")


def test_when_every_trial_fails_the_command_fails_with_the_first_traceback(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    ended = project.hydra_vertex(
        "run", "--search", "search.yaml", "--out", "out", "--", "python", "app.py", "mode=crash"
    )

    assert ended.code == 1
    assert "ValueError: the app's own error" in ended.stderr
    assert "the step tune failed with exit code 1" in ended.stderr
    states = {trial.state for trial in read_job(tmp_path / "out" / "job.json").trials}
    assert TrialState.INFEASIBLE in states
    assert TrialState.SUCCEEDED not in states
    assert len(list((tmp_path / "out" / "logs").iterdir())) >= 3


@pytest.mark.parametrize("options", [(), ("--on-unsuccessful-job", "select")])
def test_a_job_that_did_not_succeed_is_selected_from_only_when_that_is_asked_for(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    project = make_project(tmp_path)
    project.write("search.yaml", SEARCH[: SEARCH.index("      lr:")] + "      mode: crash, ok, none\n")
    limits = ("--trials", "3", "--parallel", "1", "--max-failed-trials", "1", "--out", "out", *options)

    ended = project.hydra_vertex("run", "--search", "search.yaml", *limits, "--", "python", "app.py")

    job = read_job(tmp_path / "out" / "job.json")
    assert job.state is JobState.FAILED
    assert [trial.state for trial in job.trials] == [TrialState.SUCCEEDED, TrialState.INFEASIBLE]
    assert ended.code == (0 if options else 1), ended.stderr
    assert (tmp_path / "out" / "best.yaml").exists() == bool(options)
    assert "ended as JOB_STATE_FAILED" in ended.stderr
    assert ("the pipeline goes on with what was measured" in ended.stderr) == bool(options)
    assert ("--on-unsuccessful-job select" in ended.stderr) != bool(options)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--metric-threshold", "1e9"), 0),
        (("--metric-threshold", "-1"), 1),
        (("--metric-threshold", "-1", "--on-missed-threshold", "skip-retraining"), 0),
    ],
)
def test_nothing_is_retrained_when_no_trial_reaches_the_threshold(
    tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    project = make_project(tmp_path)

    ended = project.hydra_vertex("run", "--search", "search.yaml", "--out", "out", "--json", *options, *APP)

    is_missed = "-1" in options
    assert ended.code == code, ended.stderr
    assert ("and at most -1.0 is required" in ended.stderr) == is_missed
    assert (tmp_path / "out" / "model" / "model.txt").exists() != is_missed
    if code == 0:
        assert (json.loads(ended.stdout)["retrainedValue"] is None) == is_missed


def test_ctrl_c_stops_the_trials_and_the_printed_command_continues_the_run(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    command = (
        "run",
        "--search",
        "search.yaml",
        "--page",
        "--out",
        str(tmp_path / "out"),
        "--",
        "python",
        "app.py",
        "sleep_s=1.5",
    )
    runner = subprocess.Popen(
        [sys.executable, "-m", "hydra_vertex.cli.main", *command],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    wait_for_trial(tmp_path / "out" / "studies")
    os.killpg(runner.pid, signal.SIGINT)
    _, stderr = runner.communicate(timeout=60)

    assert runner.returncode == 130
    assert "Traceback" not in stderr
    assert "To continue:\n  hydra-vertex run --search search.yaml" in stderr
    assert "live page: http://127.0.0.1:" in stderr
    assert "cannot be drawn" not in stderr
    assert not processes_of(tmp_path)

    ended = project.hydra_vertex(*command)

    assert ended.code == 0, ended.stderr
    assert len(read_job(tmp_path / "out" / "job.json").trials) == 4


def wait_for_trial(studies: Path, limit_s: float = 60) -> None:
    """Wait until the first trial has printed, which is after the start of its process."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if any(log.stat().st_size for log in studies.glob("jobs/*/trials/*/log.txt")):
            return
        time.sleep(0.1)
    raise AssertionError(f"no trial has printed after {limit_s} s")


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of processes whose working directory is the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found
