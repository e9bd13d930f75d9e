"""`python -m pkg.train hparams_search=mine` with the sweeper: whole sweeps, one that is stopped, one that fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from cli.sweeper.apps import command, make_app, run_app
from hydra_vertex.job import JobState
from hydra_vertex.launcher.files.job_file import read_job
from pipelines.apps import Ended, Project, environment

HIDDEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_app(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def finished(project: Project) -> Ended:
    ended = run_app(project, "hparams_search=mine", "lr=interval(0.1,0.3)", "limit=0.9")
    assert ended.code == 0, ended.stderr
    return ended


def sweeps(project: Project, task: str = "mine") -> list[Path]:
    return sorted((project.path / "logs" / task).iterdir())


def results_of(folder: Path) -> dict[str, object]:
    results: dict[str, object] = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    return results


def test_the_sweep_folder_has_a_numbered_folder_a_job_and_the_result(finished: Ended, project: Project) -> None:
    (folder,) = sweeps(project)

    assert {path.name for path in folder.iterdir()} == {
        *("0", "1", "2", "study", "best.yaml", "report.html"),
        *("optimization_results.yaml", "multirun.yaml", "search.yaml", "sweep.json"),
    }
    for number in range(3):
        job = folder / str(number)
        assert {path.name for path in job.iterdir()} == {".hydra", "train.log", "seen.json", "model.pt"}
        seen = json.loads((job / "seen.json").read_text())
        assert (seen["num"], seen["foo"], seen["dir"], seen["mode"]) == (number, "bar", str(folder), "RUN")
        assert yaml.safe_load((job / ".hydra/config.yaml").read_text())["lr"] == seen["lr"]


def test_overrides_of_the_command_line_join_the_params(finished: Ended, project: Project) -> None:
    (folder,) = sweeps(project)
    configs = [yaml.safe_load((folder / str(n) / ".hydra/config.yaml").read_text()) for n in range(3)]

    assert all(0.1 <= config["lr"] <= 0.3 and config["limit"] == 0.9 for config in configs)


def test_the_results_have_the_best_job_in_the_form_of_hydra_optuna_sweeper(finished: Ended, project: Project) -> None:
    (folder,) = sweeps(project)
    seen = [json.loads((folder / str(n) / "seen.json").read_text()) for n in range(3)]
    values = [job["lr"] + (job["model"] == "small") for job in seen]
    best = seen[values.index(min(values))]

    assert results_of(folder) == {
        "name": "vertex",
        "best_params": {"model": best["model"], "lr": best["lr"]},
        "best_value": min(values),
    }


def test_the_study_is_that_of_the_config(finished: Ended, project: Project) -> None:
    (folder,) = sweeps(project)
    job = read_job(folder / "study/job.json")

    assert (job.display_name, job.study_spec.objective.id, len(job.trials)) == ("the study", "val/loss", 3)
    assert job.study_spec.algorithm.value == "RANDOM_SEARCH"


def test_callbacks_of_the_app_run_once_and_progress_of_libraries_is_not_logged(
    finished: Ended, project: Project
) -> None:
    (folder,) = sweeps(project)
    lines = finished.stdout.splitlines()

    assert lines[0] == "started"
    assert lines[-1] == f"ended in {os.path.relpath(folder, project.path)}"
    assert [line.split("] ")[-1].partition(":")[0] for line in lines[1:4]] == [
        "Best parameters",
        "Best value",
        "Results",
    ]
    assert "wrote no model" not in finished.stderr


def test_the_printed_command_runs_the_best_config_again(finished: Ended, project: Project) -> None:
    (folder,) = sweeps(project)
    printed = finished.stdout.partition("To run the best config again:\n")[2].splitlines()[0].strip()

    subprocess.run(printed, shell=True, cwd=project.path, env=environment(), check=True, timeout=60)  # noqa: S602

    (run,) = (project.path / "outputs").glob("*/*")
    assert json.loads((run / "seen.json").read_text())["lr"] == results_of(folder)["best_params"]["lr"]  # type: ignore[index]


def test_the_same_command_goes_on_with_a_sweep_that_was_stopped(project: Project) -> None:
    words = ("hparams_search=mine", "task=stopped", "hydra.sweeper.no_check=true", f"+api_key={HIDDEN}")
    with subprocess.Popen(
        command(*words), cwd=project.path, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    ) as started:
        assert started.stderr is not None
        assert any("trial 2 ACTIVE" in line for line in started.stderr)
        os.killpg(started.pid, signal.SIGINT)
        message = started.stderr.read()
    assert started.returncode == 130
    assert "pkg.train -m hparams_search=mine task=stopped hydra.sweeper.no_check=true +api_key" in message
    assert HIDDEN not in message
    (folder,) = sweeps(project, "stopped")
    first = (folder / "0/seen.json").stat().st_mtime_ns

    ended = run_app(project, *words)

    assert ended.code == 0, ended.stderr
    assert sweeps(project, "stopped") == [folder]
    assert f"goes on with the sweep of the same command in {os.path.relpath(folder, project.path)}" in ended.stderr
    assert ended.stdout.splitlines()[-1] == f"ended in {os.path.relpath(folder, project.path)}"
    assert (folder / "0/seen.json").stat().st_mtime_ns == first
    assert len(read_job(folder / "study/job.json").trials) == 3
    with_secret = [path for path in folder.rglob("*") if path.is_file() and HIDDEN.encode() in path.read_bytes()]
    assert {folder / "sweep.json", folder / "multirun.yaml"} <= set(with_secret)
    assert [path for path in with_secret if path.stat().st_mode & 0o077] == []


def test_a_failing_trial_ends_the_sweep_as_max_failure_rate_says(project: Project) -> None:
    words = ("hparams_search=mine", "limit=0.0", "hydra.sweeper.no_check=true")

    strict = run_app(project, *words, "task=strict")

    assert strict.code == 1
    assert "the app's own error" in strict.stderr
    (folder,) = sweeps(project, "strict")
    assert read_job(folder / "study/job.json").state is JobState.FAILED
    assert not (folder / "1/.hydra").exists()
    assert not (folder / "optimization_results.yaml").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("lr=interval(0,1)", "hydra.sweeper.max_failure_rate=7"), "hydra.sweeper.max_failure_rate is 7.0"),
        (("lr=0.1", "model=small"), "there is nothing to search"),
        (("hydra.sweeper.custom_search_space=a.b",), "hydra.sweeper.custom_search_space: it is a Python function"),
        (("hydra.sweeper.direction=up",), "hydra.sweeper.direction is 'up'; write minimize or maximize"),
        (("hydra.sweeper.early_stopping=often",), "--early-stopping: invalid choice: 'often'"),
        (("lrr=interval(0,1)",), "no key 'lrr'"),
        (("hydra.sweep.dir=tarfile.py/out",), "tarfile.py/out, which cannot be written to ([Errno 20] Not a directory"),
    ],
)
def test_what_is_not_done_is_refused_by_name_before_any_trial(
    tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    project = make_app(tmp_path)

    ended = run_app(project, "hparams_search=mine", *words)

    assert ended.code == 2, ended.stderr
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.rglob("seen.json"))
