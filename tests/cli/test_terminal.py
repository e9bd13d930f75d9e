"""Names, choices and error texts with terminal control characters: each command prints them escaped on a terminal."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from hydra_vertex.job import Categorical, MetricSpec, ParameterSpec, TrialState, save_job
from launcher.jobs import make_job, make_trial
from pipelines.apps import APP as APP_CODE
from pipelines.apps import Project, environment, make_project

APP = ("--", "python", "app.py")
CLEAR, LINK, BACK, TURN, EIGHT_BIT = "\x1b[2J", "\x1b]8;;http://evil\x07", "\rforged", "\u202e", "\x9b2J"
EVIL = f"e{CLEAR}{LINK}{BACK}{TURN}{EIGHT_BIT}[red]x[/y]:fire:"
SHOWN = r"e\x1b[2J\x1b]8;;http://evil\x07\rforged\u202e\x9b2J[red]x[/y]:fire:"

# The control sequences of rich: colours, cursor movements, erasing a line, hiding the cursor.
_OF_RICH = re.compile(r"\x1b\[[0-9;?]*[mABGKHhl]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

# A search space whose metric name and choices contain control characters and markup.
SEARCH = r"""
optimized_metric: "loss[/x]"
hydra:
  sweeper:
    direction: minimize
    n_trials: 3
    n_jobs: 1
    params:
      note: "choice('a\e[2J\rforged\u202e\x9b2J[/y]:fire:', plain)"
      lr: interval(0.1, 1)
"""


def at_terminal(project: Project, *arguments: str, columns: int = 300) -> tuple[int, str]:
    """Run a command on a pseudo-terminal. Returns the exit code and everything that the command printed."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    command = [sys.executable, "-m", "hydra_vertex.cli.main", *arguments]
    environ = {**environment(), "TERM": "xterm-256color", "COLUMNS": str(columns)}
    child = subprocess.Popen(
        command, cwd=project.path, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=environ
    )
    os.close(slave)
    sent = b""
    try:
        while data := os.read(master, 1 << 16):
            sent += data
    except OSError:  # EIO: the last process that had the terminal open has exited
        pass
    finally:
        os.close(master)
    return child.wait(30), sent.decode()


def require_harmless(sent: str) -> None:
    rest = _OF_RICH.sub("", sent)
    assert not _CONTROLS.findall(rest), rest
    assert "\rforged" not in rest


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("project"))
    project.write("search.yaml", SEARCH)
    hostile = "raise ValueError(config.note + chr(0x9b) + '2J' + chr(0x202e) + '[/y]')"
    project.write("failing.py", APP_CODE.replace('print("training with"', f'{hostile}\n    print("training with"'))
    return project


@pytest.fixture(scope="module")
def job_file(project: Project) -> str:
    """A job file with control characters in every text field."""
    job = make_job(
        [
            make_trial(1, None, parameters={"note": EVIL, "lr": 0.5}),
            make_trial(2, None, TrialState.INFEASIBLE, f"{EVIL}\n{EVIL}", parameters={"note": EVIL}),
        ],
        display_name=EVIL,
    )
    first = job.trials[0]
    measured = dataclasses.replace(make_trial(1, 1.0).final_measurement, metrics={EVIL: 1.0})  # type: ignore[type-var]
    spec = dataclasses.replace(
        job.study_spec,
        metrics=(MetricSpec(EVIL, job.study_spec.objective.goal),),
        parameters=(ParameterSpec("note", Categorical((EVIL, "b"))), *job.study_spec.parameters[:1]),
    )
    job = dataclasses.replace(
        job,
        study_spec=spec,
        trials=(dataclasses.replace(first, final_measurement=measured, stopping_reason=EVIL), *job.trials[1:]),
    )
    save_job(job, project.path / "job.json")
    return "job.json"


def test_a_whole_run_prints_names_and_choices_escaped(project: Project) -> None:
    code, sent = at_terminal(project, "run", "--search", "search.yaml", "--name", "[b]n[/c]:fire:", "--out", "o", *APP)

    assert code == 0, sent
    require_harmless(sent)
    assert r"a\x1b[2J\rforged\u202e\x9b2J[/y]:fire:" in sent
    assert "best loss[/x] " in sent
    assert "trial " in sent
    assert "[b]n[/c]:fire: (succeeded)" in sent
    assert "is the best: loss[/x] " in sent


def test_a_run_whose_trials_fail_prints_their_errors_escaped(project: Project) -> None:
    arguments = ("run", "--search", "search.yaml", "--out", "failed", "--", "python", "failing.py")
    code, sent = at_terminal(project, *arguments)

    assert code == 1, sent
    require_harmless(sent)
    assert r"\x9b2J\u202e[/y]" in sent


def test_check_prints_choices_escaped(project: Project) -> None:
    code, sent = at_terminal(project, "check", "--search", "search.yaml", *APP)

    assert code == 0, sent
    require_harmless(sent)
    assert r"a\x1b[2J\rforged\u202e\x9b2J[/y]:fire:, plain" in sent
    assert "minimize loss[/x], 3 trials" in sent


@pytest.mark.parametrize(
    "command", [("check", "--search", "search.yaml", "--json", *APP), ("best", "job.json", "--json")]
)
def test_json_has_no_control_characters(project: Project, job_file: str, command: tuple[str, ...]) -> None:
    code, sent = at_terminal(project, *command, *(APP if command[0] == "best" else ()))

    assert code == 0, sent
    require_harmless(sent)
    assert r"\u202e\u009b2J" in sent


def test_best_and_report_print_a_job_escaped(project: Project, job_file: str) -> None:
    for command in (("best", job_file, "-o", "b.yaml", *APP), ("report", job_file, "-o", "r.html")):
        code, sent = at_terminal(project, *command)

        assert code == 0, sent
        require_harmless(sent)
        assert SHOWN.replace("\\", "\\\\") in sent or SHOWN in sent


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--search", f"{EVIL}.yaml", *APP),
        ("run", "--search", "search.yaml", f"--name={EVIL}", *APP),
        ("run", "--search", "search.yaml", "--out", EVIL, "--trials", "x", *APP),
        ("check", "--search", "search.yaml", *APP, f"{EVIL}=1"),
        ("check", "--search", "search.yaml", "--", "python", EVIL),
        ("check", "--search", "evil.yaml", *APP),
        ("best", EVIL),
        ("best", "job.json", "--", "python", "app.py", EVIL),
        ("report", "job.json", "-o", f"app.py/{EVIL}"),
        ("compile", "-o", EVIL),
        ("serve", "--dir", f"app.py/{EVIL}"),
        (EVIL,),
    ],
    ids=range(12),
)
def test_an_error_message_has_no_control_characters(
    project: Project, job_file: str, arguments: tuple[str, ...]
) -> None:
    project.write("evil.yaml", SEARCH.replace("note:", r'"no\e[2J\u202ete":'))
    code, sent = at_terminal(project, *arguments)

    assert code in {1, 2}, sent
    require_harmless(sent)
    assert "hydra-vertex: " in sent
    assert "Traceback" not in sent


def test_output_without_a_terminal_has_the_same_text(project: Project) -> None:
    ended = project.hydra_vertex("run", "--search", "search.yaml", "--seed", "3", "--out", "log", *APP)

    assert ended.code == 0, ended.stderr
    assert not _CONTROLS.findall(ended.stdout + ended.stderr)
    assert r"note=a\x1b[2J\rforged\u202e\x9b2J[/y]:fire:" in ended.stderr + ended.stdout
    assert "best loss[/x] " in ended.stderr


def test_characters_missing_in_the_encoding_are_printed_as_escapes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    ended = project.hydra_vertex("check", "--search", "search.yaml", *APP)

    assert ended.code == 0, ended.stderr
    assert r"0.1 \u2026 1.0" in ended.stdout


def test_a_closed_pipe_is_not_an_error(project: Project) -> None:
    command = f"{sys.executable} -m hydra_vertex.cli.main check --search search.yaml --json -- python app.py | true"
    ended = subprocess.run(
        ["bash", "-c", command], cwd=project.path, capture_output=True, text=True, env=environment(), check=False
    )

    assert ended.stderr == ""


def test_the_job_file_of_these_tests_has_control_characters(project: Project, job_file: str) -> None:
    text = Path(project.path, job_file).read_text()

    assert TURN in text
    assert "\\u001b[2J" in text
