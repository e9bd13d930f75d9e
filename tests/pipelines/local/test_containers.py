"""The command lines of the containers of a local run; tests/test_containers.py runs them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hydra_vertex.launcher.preflight.interpreter import other_interpreter
from hydra_vertex.launcher.preflight.trial_process import trial_process, trials_started_as
from hydra_vertex.pipelines.local.container_run import ContainerSteps
from hydra_vertex.pipelines.local.containers import Containers, require_options
from hydra_vertex.pipelines.local.steps import Step
from hydra_vertex.pipelines.local.tune_with_service import with_service
from hydra_vertex.protocol.errors import CommandError

FOLDER = Path("/runs/one")
HERE = Containers(FOLDER, "h/app:1", "none", ("--gpus=all",), (FOLDER,))


def test_a_container_runs_as_this_user_with_group_0_and_the_run_s_folder_under_its_own_path() -> None:
    command = HERE.command("name", "h/other:1", ["python", "-m", "step", "--x"], ("A_TOKEN", "B"))

    assert command[:4] == ["docker", "run", "--rm", "--init"]
    assert command[-6:] == ["--entrypoint", "python", "h/other:1", "-m", "step", "--x"]
    text = " ".join(command)
    assert f"--user {os.getuid()}:{os.getgid()} --group-add 0" in text
    assert "--network none" in text
    assert "--mount type=bind,source=/runs/one,target=/runs/one" in text
    assert "--env A_TOKEN --env B" in text
    assert command.index("--gpus=all") < command.index("--entrypoint")


def test_a_folder_with_a_comma_is_one_field_of_the_mount() -> None:
    folder = Path("/runs/a,b")

    command = Containers(folder, "i", mounts=(folder, folder)).command("n", "i", ["true"])

    assert command.count("--mount") == 1
    assert command[command.index("--mount") + 1] == 'type=bind,"source=/runs/a,b","target=/runs/a,b"'


def test_a_quotation_mark_in_a_folder_is_doubled_as_in_a_csv_file() -> None:
    folder = Path('/runs/a"b')

    command = Containers(folder, "i", mounts=(folder,)).command("n", "i", ["true"])

    assert command[command.index("--mount") + 1] == 'type=bind,"source=/runs/a""b","target=/runs/a""b"'


def test_a_container_that_the_engine_does_not_remove_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    HERE.end("step-1")

    assert "the container step-1 may still run" in capsys.readouterr().err


def test_a_container_that_the_engine_is_removing_is_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "docker"
    says = "Error response from daemon: removal of container step-1 is already in progress"
    program.write_text(f'#!/bin/sh\n[ "$1" != rm ] || {{ echo "{says}" >&2; exit 1; }}\necho id\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    HERE.end("step-1")

    assert capsys.readouterr().err == ""


def test_containers_of_one_run_have_a_label_that_another_run_has_not() -> None:
    def label(folder: str) -> str:
        command = Containers(Path(folder), "i").command("n", "i", ["true"])
        return command[command.index("--label") + 1]

    assert label("/runs/one") == label("/runs/one") != label("/runs/two")


def test_the_tuning_step_starts_the_service_in_its_container_and_other_steps_are_as_they_are() -> None:
    steps = ContainerSteps(HERE, ("--dir", "/runs/one/studies"))
    tune = Step(
        "tune", ("python", "-m", "hydra_vertex.launcher.steps.tune", "--executor_input", "{}"), {}, "o", image="image:1"
    )
    other = Step("retrain", ("python", "-m", "hydra_vertex.trial", "--executor_input", "{}"), {}, "o", image="image:1")

    started = steps.step_command(tune, "n", ())
    assert started[started.index("image:1") + 1 :] == [
        *("-m", "hydra_vertex.pipelines.local.tune_with_service", "--dir", "/runs/one/studies", "--"),
        *("--executor_input", "{}"),
    ]
    assert steps.step_command(other, "n", ())[-4:] == ["-m", "hydra_vertex.trial", "--executor_input", "{}"]


def test_the_step_s_input_gets_the_service_and_the_job_and_keeps_the_rest() -> None:
    given = {"inputs": {"parameterValues": {"display_name": "d", "api_endpoint": ""}}, "outputs": {"outputFile": "o"}}

    filled = json.loads(with_service(json.dumps(given), "http://127.0.0.1:1", "jobs/1"))

    assert filled["inputs"]["parameterValues"] == {
        "display_name": "d",
        "api_endpoint": "http://127.0.0.1:1",
        "existing_job": "jobs/1",
    }
    assert filled["outputs"] == given["outputs"]


@pytest.mark.parametrize(
    "option",
    [
        *("--gpus=all", "--volume=/data:/data:ro", "--memory=4g", "--user=0:0", "-v=/a:/a", "-v/a:/a"),
        *("--env=HOME=/tmp", "--privileged"),
    ],
)
def test_the_user_s_own_options_are_allowed(option: str) -> None:
    require_options([option])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("gpus=all", "expected one option of `docker run` with its value"),
        ("--volume /a:/a", "expected one option of `docker run` with its value"),
        ("--name=x", "hydra-vertex gives this option itself"),
        ("--detach", "hydra-vertex gives this option itself"),
        ("--entrypoint=sh", "hydra-vertex gives this option itself"),
        ("--net=host", "give --network to hydra-vertex"),
        ("-dP", "hydra-vertex gives this option itself"),
        ("-Pd", "hydra-vertex gives this option itself"),
        ("--env", "--env: has no value; give it as --env=VALUE"),
        ("-v", "-v: has no value"),
        ("--", "--: has no value"),
    ],
)
def test_options_that_would_change_what_a_run_needs_are_refused(option: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        require_options([option])


def test_hydra_trial_is_started_as_the_context_says_and_here_afterwards() -> None:
    words = ("--explain", "--", "python", "train.py")

    with trials_started_as(lambda command: ["docker", *command]):
        assert trial_process(("--explain",), ("python", "train.py")) == ["docker", "hydra-trial", *words]
        assert other_interpreter("/nowhere/python") is None
    assert tuple(trial_process(("--explain",), ("python", "train.py"))[-4:]) == words
    assert other_interpreter("/nowhere/python") is not None
