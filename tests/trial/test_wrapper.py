"""Trials whose app another program starts, with real programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hydra_vertex.protocol.explanation import parse_explanation
from trial.apps import TRAIN, hydra_trial, run, write_app

APP = """
    import os, subprocess, sys
    import hydra

    @hydra.main(config_path="conf", config_name="config", version_base=None)
    def main(cfg):
        below = subprocess.run([sys.executable, "-c", "import os; print(dict(os.environ))"], capture_output=True)
        left = [n for n in ("HYDRA_TRIAL_HOOK", "PYTHONPATH") if n in os.environ or n.encode() in below.stdout]
        path = [p for p in sys.path if "hydra_vertex" in p]
        print("APP", cfg.name, cfg.lr, sys.argv[1:], left, path, flush=True)
        return cfg.lr * 2

    if __name__ == "__main__":
        main()
    """
SCRIPT = '#!/bin/bash\nset -e\necho begin\npython train.py steps=3 "$@"\npython train.py name=evaluation\n'


@pytest.fixture
def app(tmp_path: Path) -> Path:
    makefile = "train:\n\t@python train.py steps=3\n"
    write_app(tmp_path, APP, **{"train.sh": SCRIPT, "Makefile": makefile, "old.sh": "python train.py\n"})
    (tmp_path / "train.sh").chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "received"),
    [
        (["env", "A=1", "python", "train.py", "steps=3"], ["steps=3", "lr=0.25"]),
        (["nice", "-n", "1", "python", "train.py"], ["lr=0.25"]),
        (["timeout", "100", "python", "-u", "train.py"], ["lr=0.25"]),
        (["bash", "-c", "python train.py steps=3"], ["steps=3", "lr=0.25"]),
        (["bash", "-c", "cd . && nice python train.py"], ["lr=0.25"]),
        (["sh", "old.sh"], ["lr=0.25"]),
        (["make", "-s", "train"], ["steps=3", "lr=0.25"]),
        (["env", "PYTHONPATH=", "python", "train.py"], ["lr=0.25"]),
        (["bash", "-c", "python train.py", "steps=4"], ["steps=4", "lr=0.25"]),
    ],
)
def test_the_app_below_a_program_gets_the_parameters_typed(app: Path, command: list[str], received: list[str]) -> None:
    ended = hydra_trial(app, "--metric", "loss", "--", *command, "--lr=0.25", environ={"CLOUD_ML_HP_METRIC_FILE": "m"})
    assert ended.stderr == "hydra-trial: loss = 0.5\n"
    assert ended.stdout == f"APP foo 0.25 {received} [] []\n"
    assert ended.returncode == 0
    (record,) = (app / "m").read_text().splitlines()
    assert json.loads(record)["loss"] == "0.5"


def test_only_the_first_app_of_a_script_is_the_trial(app: Path) -> None:
    ended = hydra_trial(app, "--", "./train.sh", "db=pg", "--name=1.10", "--lr=1")
    assert ended.stdout.splitlines() == [
        "begin",
        "APP 1.10 1.0 ['steps=3', 'db=pg', \"name='1.10'\", 'lr=1.0'] [] []",
        "APP evaluation 0.1 ['name=evaluation'] [] []",
    ]
    assert ended.stderr == "hydra-trial: metric = 2.0\n"


def test_the_explanation_of_a_script_runs_neither_the_app_nor_what_follows_it(app: Path) -> None:
    ended = hydra_trial(app, "--explain", "--json", "x.json", "--", "./train.sh", "db=pg", "--lr=1")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "begin\n", "")
    explanation = parse_explanation(json.loads((app / "x.json").read_text()))
    assert explanation.program == ("./train.sh",)
    assert explanation.command == ("steps=3", "db=pg", "lr=1.0")
    assert explanation.overrides == ("lr=1.0",)
    shown = hydra_trial(app, "--explain", "--", "make", "train", "--lr=1")
    assert shown.stdout.splitlines()[-1] == "make train steps=3 lr=1.0"


@pytest.mark.parametrize("options", [[], ["--explain"]])
def test_a_parameter_that_the_app_does_not_accept_is_refused_as_in_a_plain_command(
    app: Path, options: list[str]
) -> None:
    ended = hydra_trial(app, *options, "--", "make", "train", "--lr=x")
    assert ended.returncode == 2
    assert "hydra-trial: lr='x': the key is a float" in ended.stderr
    assert "APP" not in ended.stdout


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["bash", "-c", "echo no app"], 2),
        (["true"], 2),
        (["bash", "-c", "exit 7"], 7),
        (["bash", "-c", "python -I train.py"], 2),
        (["env", "-u", "PYTHONPATH", "python", "train.py"], 2),
        (["bash", "-c", "kill -9 $$"], -9),
    ],
)
def test_a_program_below_which_no_app_was_found_is_a_failed_trial(app: Path, command: list[str], code: int) -> None:
    ended = hydra_trial(app, "--", *command, "--lr=1")
    assert ended.returncode == code
    if code > 0:
        assert "no app below it called hydra.main in a Python that reads PYTHONPATH" in ended.stderr
        assert ended.stderr.count("hydra-trial: ") == 1


def test_an_explanation_without_an_app_is_refused(app: Path) -> None:
    ended = hydra_trial(app, "--explain", "--", "true")
    assert ended.returncode == 2
    assert "nothing received its config" in ended.stderr


@pytest.mark.parametrize(
    ("body", "code"),
    [("sys.exit(3)", 3), ("raise ValueError", 1), ("os.kill(os.getpid(), 15)", 143)],
)
def test_the_exit_code_is_that_of_the_program(tmp_path: Path, body: str, code: int) -> None:
    write_app(tmp_path, TRAIN.replace("import sys", "import os, sys").replace("print(cfg)", body))
    plain = run(tmp_path, ["bash", "-c", "python train.py; exit $?"])
    ended = hydra_trial(tmp_path, "--", "bash", "-c", "python train.py; exit $?", "--lr=1")
    assert ended.returncode == plain.returncode == code


WAITING = """
    import signal, sys, time
    import hydra

    @hydra.main(config_path="conf", config_name="config", version_base=None)
    def main(cfg):
        received = []
        signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
        print("ready", flush=True)
        while not received:
            time.sleep(0.02)
        time.sleep(0.5)
        sys.exit(40 + len(received))

    main()
    """


@pytest.mark.parametrize(
    ("program", "to_group", "codes"),
    [
        (["env"], False, {41}),
        (["env"], True, {41}),
        (["timeout", "--foreground", "100"], False, {41}),
        # In a group of its own, timeout signals its child and then the group: once, or twice when the child is quick.
        (["timeout", "100"], False, {41, 42}),
        (["timeout", "100"], True, {41, 42}),
    ],
)
def test_a_stop_signal_reaches_the_app_once(
    tmp_path: Path, program: list[str], to_group: bool, codes: set[int]
) -> None:
    """As without hydra-trial: a signal to the process alone, as from a container, and one to its group, as Ctrl-C."""
    write_app(tmp_path, WAITING)
    command = [sys.executable, "-m", "hydra_vertex.trial", "--", *program, "python", "train.py", "--lr=1"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        (os.killpg if to_group else os.kill)(process.pid, signal.SIGTERM)
        assert process.wait(30) in codes


def test_a_program_that_a_signal_ends_ends_hydra_trial_by_the_same_signal(tmp_path: Path) -> None:
    write_app(tmp_path, TRAIN.replace("print(cfg)", "import time; print('ready', flush=True); time.sleep(60)"))
    command = [sys.executable, "-m", "hydra_vertex.trial", "--", "env", "python", "train.py", "--lr=1"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM


def test_no_process_is_left_after_the_explanation(tmp_path: Path) -> None:
    """The app's own children are killed too: a script's `sleep`, which would go on."""
    mark = f"{time.time_ns() % 10**9}"
    write_app(tmp_path, TRAIN, **{"t.sh": f"sleep {mark} &\npython train.py\nsleep {mark}\n"})
    assert hydra_trial(tmp_path, "--explain", "--", "sh", "t.sh", "--lr=1").returncode == 0
    time.sleep(0.2)
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if mark.encode() in _read(p).split(b"\0")]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_hidden_sitecustomize_is_run_and_other_pythons_are_unaffected(app: Path) -> None:
    write_app(app, APP, **{"site/sitecustomize.py": "print('own sitecustomize')\nmark = 1\n"})
    look = "import sys, sitecustomize; print(sitecustomize.mark, [m for m in sys.modules if m.startswith('hydra')])"
    command = f'python -c "{look}"; python train.py'
    ended = hydra_trial(app, "--", "bash", "-c", command, "--lr=1", environ={"PYTHONPATH": str(app / "site")})
    lines = ended.stdout.splitlines()
    assert lines[:4] == ["own sitecustomize", "own sitecustomize", "1 []", "own sitecustomize"]
    assert lines[4].startswith("APP foo 1.0 ['lr=1.0'] ['PYTHONPATH']")


COMPOSING = """
    import hydra
    from hydra import compose, initialize

    def main():
        with initialize(config_path="conf", version_base=None):
            cfg = compose("config")
        print("TRAINED")

    main()
    """
INSIDE = """
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    @hydra.main(config_path="conf", config_name="config", version_base=None)
    def main(cfg):
        GlobalHydra.instance().clear()
        with hydra.initialize(config_path="conf", version_base=None):
            print("INSIDE", hydra.compose("config").lr)
        return cfg.lr

    main()
    """
OWN_ENTRY = """
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    Hydra.create_main_hydra2("task", create_config_search_path("conf"))
    print("TRAINED")
    """


@pytest.mark.parametrize("program", [["python"], ["env", "python"]])
@pytest.mark.parametrize("options", [[], ["--explain"]])
@pytest.mark.parametrize(
    ("train", "called"),
    [
        (COMPOSING, "hydra.initialize (the compose API) in train.py, line 6,"),
        (OWN_ENTRY, "Hydra's own classes in train.py, line 4,"),
    ],
)
def test_an_app_that_starts_hydra_without_its_main_is_refused_before_it_trains(
    tmp_path: Path, train: str, called: str, options: list[str], program: list[str]
) -> None:
    write_app(tmp_path, train)
    ended = hydra_trial(tmp_path, *options, "--", *program, "train.py", "--lr=1")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(
        f"hydra-trial: {called} starts Hydra without hydra.main, so nothing would receive lr;"
    )
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("program", [["python"], ["env", "python"]])
def test_the_compose_api_can_be_used_below_hydra_main(tmp_path: Path, program: list[str]) -> None:
    write_app(tmp_path, INSIDE)
    ended = hydra_trial(tmp_path, "--", *program, "train.py", "--lr=1")
    assert (ended.returncode, ended.stdout) == (0, "INSIDE 0.1\n"), ended.stderr


def test_an_app_without_hydra_main_runs_where_nothing_is_lost(tmp_path: Path) -> None:
    write_app(tmp_path, COMPOSING)
    ended = hydra_trial(tmp_path, "--", "python", "train.py")
    assert (ended.returncode, ended.stdout) == (0, "TRAINED\n")
