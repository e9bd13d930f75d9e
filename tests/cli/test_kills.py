"""`kill -9` of `hydra-vertex run` at every stage: no process is left, and the same command continues the run.

`KILL_SEEDS=20 pytest tests/cli/test_kills.py` kills 20 runs up to 3 times each at random moments (the suite one run);
`make kills` runs it.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.marked_processes import VARIABLE, kill_marked, marked_processes
from hydra_vertex.job import JobState
from hydra_vertex.launcher.files.job_file import read_job
from pipelines.apps import Project, environment, make_project

SEEDS = int(os.environ.get("KILL_SEEDS", "1"))
KILLS = 3
GONE_LIMIT_S = 15.0
"""Seconds until all processes must have exited: a step has a grace period of 3 s, a trial one of 5 s."""

# Logs when it is imported and when it retrains, and starts a child process, as a data loader does.
APP = """
import os, subprocess, sys, time
from pathlib import Path

import hydra

LOG = Path(os.environ["APP_LOG"])

def note(*words):
    with LOG.open("a") as file:
        file.write(" ".join(map(str, words)) + "\\n")

def lives(pid):
    try:
        return b"app.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False

note("import", os.getpid())
time.sleep(0.3)

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    retrains = not os.environ.get("CLOUD_ML_TRIAL_ID")
    if retrains:
        for line in LOG.read_text().splitlines():
            if line.startswith("begin ") and lives(line.split()[1]):
                note("overlap", line.split()[1])
        note("begin", os.getpid())
    loader = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "app.py"])
    time.sleep(float(os.environ["RETRAIN_S"]) if retrains else config.sleep_s)
    loader.kill()
    loader.wait()
    if retrains:
        folder = Path(os.environ["AIP_MODEL_DIR"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.txt").write_text(str(os.getpid()))
        note("end", os.getpid())
    return config.lr

if __name__ == "__main__":
    main()
"""
SEARCH = """
optimized_metric: loss
hydra:
  sweeper:
    direction: minimize
    n_trials: 3
    n_jobs: 2
    params:
      lr: interval(0.1, 1)
"""


@dataclass
class Study:
    """A project, its output folder, and the value of the variable that all of its processes inherit."""

    project: Project
    out: Path
    mark: str

    @property
    def log(self) -> Path:
        return self.project.path / "app.log"

    def noted(self, word: str) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.split()[1] for line in lines if line.startswith(f"{word} ")]

    def start(self, retrain_s: float = 0.7) -> subprocess.Popen[str]:
        options = ("--search", "search.yaml", "--out", str(self.out))
        command = [sys.executable, "-m", "hydra_vertex.cli.main", "run", *options, "--", "python", "app.py"]
        with self.project.path.joinpath("stderr").open("a") as stderr:
            return subprocess.Popen(
                command,
                cwd=self.project.path,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                text=True,
                env={**environment(), VARIABLE: self.mark, "APP_LOG": str(self.log), "RETRAIN_S": str(retrain_s)},
                start_new_session=True,
            )

    def processes(self) -> list[str]:
        """Return the command lines of all running processes that the runs have started."""
        return marked_processes(self.mark)

    def require_one_result(self) -> None:
        """Check that one retraining has finished, its output is the model, and no two ran at the same time."""
        assert self.noted("overlap") == []
        assert self.noted("end") == [(self.out / "model" / "model.txt").read_text()]
        job = read_job(self.out / "job.json")
        assert job.state is JobState.SUCCEEDED
        assert len(job.trials) == 3
        assert (self.out / "best.yaml").exists()


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    project = make_project(tmp_path)
    project.write("app.py", APP)
    project.write("search.yaml", SEARCH)
    config = (tmp_path / "conf/config.yaml").read_text()
    project.write("conf/config.yaml", config.replace("sleep_s: 0.0", "sleep_s: 0.7"))
    made = Study(project, tmp_path / "out", uuid.uuid4().hex)
    try:
        yield made
    finally:
        kill_marked(made.mark)


def wait_until(condition: Callable[[], object], limit_s: float, what: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


def finish(study: Study) -> None:
    run = study.start()
    assert run.wait(120) == 0, (study.project.path / "stderr").read_text()


STAGES: dict[str, Callable[[Study], object]] = {
    "the app is asked for its config": lambda study: study.noted("import"),
    "the service starts": lambda study: (study.out / "studies").exists(),
    "the tuning step starts": lambda study: any((study.out / "pipeline").glob("*/tune")),
    "trials run": lambda study: len(study.noted("import")) >= 3,
    "the best trial is selected": lambda study: any((study.out / "pipeline").glob("*/select-best")),
    "it is retrained": lambda study: study.noted("begin"),
    "the result is gathered": lambda study: study.noted("end"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_run_leaves_no_process_and_is_continued_by_the_same_command(study: Study, stage: str) -> None:
    run = study.start()
    wait_until(lambda: STAGES[stage](study), 60, lambda: (study.project.path / "stderr").read_text())
    run.kill()
    run.wait()
    wait_until(lambda: not study.processes(), GONE_LIMIT_S, study.processes)
    ended_before = study.noted("end")

    finish(study)

    assert study.processes() == []
    if stage == "the result is gathered":
        # The retraining had finished before the run was killed; the continued run retrains again.
        assert study.noted("overlap") == []
        assert (study.out / "model" / "model.txt").read_text() == study.noted("end")[-1]
        assert ended_before == study.noted("end")[:1]
    else:
        study.require_one_result()


@pytest.mark.parametrize("stage", ["trials run", "it is retrained"])
def test_the_same_command_run_immediately_first_ends_the_processes_that_are_left(study: Study, stage: str) -> None:
    run = study.start(retrain_s=60)
    wait_until(lambda: STAGES[stage](study), 60)
    run.kill()

    finish(study)

    run.wait()
    study.require_one_result()
    assert study.processes() == []


def test_the_next_run_ends_the_processes_of_a_run_whose_guard_was_killed(study: Study) -> None:
    run = study.start(retrain_s=60)
    wait_until(lambda: study.noted("begin"), 60)
    guards = [int(p.name) for p in Path("/proc").glob("[0-9]*") if is_guard(p, study)]
    assert len(guards) == 1
    os.kill(guards[0], signal.SIGKILL)
    run.kill()
    run.wait()
    time.sleep(1.0)
    assert any("hydra_vertex.trial --executor_input" in command for command in study.processes())

    finish(study)

    study.require_one_result()
    assert " processes that an earlier run had left" in (study.project.path / "stderr").read_text()
    assert study.processes() == []


def is_guard(process: Path, study: Study) -> bool:
    with contextlib.suppress(OSError):
        command, environ = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        return b"guard.py" in command and f"{VARIABLE}={study.mark}".encode() in environ
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_gets_a_signal_leaves_no_process(study: Study, number: signal.Signals) -> None:
    run = study.start(retrain_s=60)
    wait_until(lambda: study.noted("begin"), 60)
    os.killpg(run.pid, number)

    assert run.wait(30) != 0
    wait_until(lambda: not study.processes(), GONE_LIMIT_S, study.processes)
    finish(study)
    study.require_one_result()


def test_a_second_run_on_a_folder_is_refused_and_names_the_first(study: Study) -> None:
    first = study.start()
    wait_until(lambda: study.noted("begin") or len(study.noted("import")) >= 2, 60)
    second = study.start()

    assert second.wait(60) == 2
    assert first.wait(120) == 0
    stderr = (study.project.path / "stderr").read_text()
    assert f"{study.out}: is in use by another run, process {first.pid} since 20" in stderr
    assert "wait for it or stop it, or give --out another folder" in stderr
    study.require_one_result()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_runs_killed_at_random_moments_end_with_one_result(study: Study, seed: int) -> None:
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    for _ in range(KILLS):
        run = study.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(moments.uniform(0.3, 9.0))
        run.kill()
        run.wait()
        if moments.random() < 0.5:
            wait_until(lambda: not study.processes(), GONE_LIMIT_S, study.processes)
        if study.noted("end"):
            break
    finish(study)

    assert study.noted("overlap") == []
    assert (study.out / "model" / "model.txt").read_text() == study.noted("end")[-1]
    assert len(read_job(study.out / "job.json").trials) == 3
    assert study.processes() == []
