"""`hydra-vertex image` and `run --runner docker` with a real Docker engine, and a real registry on loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from cli.test_run import wait_for_trial
from docker_images import built, docker, remove, run
from hydra_vertex.launcher.files.job_file import read_job
from pipelines.apps import APP, Ended, Project, environment, make_project

pytestmark = pytest.mark.docker

NAME = f"localhost/hydra-vertex-app:test-{os.getpid()}"
LIMIT_S = 600
ENDINGS = """
    match config.get("ending", "ok"):
        case "exit":
            sys.exit(3)
        case "memory":
            bytearray(8 << 30)
        case "ignore":
            import signal
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("ignoring SIGTERM", flush=True)
            time.sleep(600)
"""
ENDINGS_SEARCH = """
# @package _global_
optimized_metric: val/loss
hydra:
  sweeper:
    sampler:
      _target_: optuna.samplers.GridSampler
    direction: minimize
    n_trials: 4
    n_jobs: 2
    params:
      ending: choice(ok, exit, memory, ignore)
"""
COMMAND = ("--", "python", "app.py", "experiment=mine")


@pytest.fixture(scope="module")
def launcher() -> Iterator[str]:
    name = built("launcher")
    yield name
    remove(name)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("project"))
    start = '    print("training with"'
    assert start in APP
    project.write("app.py", APP.replace(start, f"{ENDINGS}{start}"))
    project.write("conf/config.yaml", (project.path / "conf/config.yaml").read_text() + "ending: ok\n")
    project.write("endings.yaml", ENDINGS_SEARCH)
    project.write("requirements.txt", "hydra-core\n")
    project.write(".env", "TOKEN=not-for-others\n")
    return project


@pytest.fixture(scope="module")
def app_image(launcher: str, project: Project) -> Iterator[Ended]:
    """The end of the command that has built the image NAME from the project's requirements.txt."""
    ended = image(project, "-t", NAME, "--base", launcher, "--json", *COMMAND)
    yield ended
    remove(NAME)


def image(project: Project, *arguments: str) -> Ended:
    # The engine of the tests may have no bridge, and then only the machine's own network has the package index.
    return project.hydra_vertex("image", "--network", "host", *arguments, limit_s=LIMIT_S)


def test_the_image_of_an_app_has_hydra_trial_as_its_entry_point_and_not_the_users_secrets(app_image: Ended) -> None:
    assert app_image.code == 0, app_image.stderr
    assert "this Dockerfile is written and built:" in app_image.stderr
    assert "without .env" in app_image.stderr

    described = run(NAME, "--explain", *COMMAND, "--lr=0.5")
    assert described.returncode == 0, described.stderr
    assert "lr=0.5" in described.stdout
    listed = run(NAME, "-A", entrypoint="ls").stdout.split()
    assert "app.py" in listed
    assert ".env" not in listed
    assert not [name for name in listed if "Dockerfile" in name or name == ".dockerignore"]


def test_the_result_has_the_commands_that_use_the_image(app_image: Ended) -> None:
    result = json.loads(app_image.stdout)

    assert result["image"] == NAME
    assert result["id"] == docker("image", "inspect", "--format", "{{.Id}}", NAME).stdout.strip()
    assert result["commands"] == [
        f"hydra-vertex compile -o pipeline.json --image {NAME}",
        (
            "hydra-vertex submit pipeline.json --project PROJECT --location LOCATION --root gs://BUCKET/runs "
            f"--search FILE --image {NAME} -- python app.py experiment=mine"
        ),
    ]


def test_the_image_runs_as_a_user_that_it_does_not_know(app_image: Ended) -> None:
    options = ("--user", "123456:0")

    ended = run(NAME, "--metric", "loss", *COMMAND, options=options)

    assert ended.returncode == 0, ended.stderr
    assert "hydra-trial: loss = " in ended.stderr


def test_the_image_runs_with_a_read_only_root_and_a_tmpfs(app_image: Ended) -> None:
    options = ("--read-only", "--tmpfs", "/tmp", "--user", "123456:0")  # noqa: S108 - in the container

    ended = run(NAME, "--metric", "loss", *COMMAND, "hydra.run.dir=/tmp/out", options=options)

    assert ended.returncode == 0, ended.stderr


def test_an_image_in_which_the_app_does_not_compose_gets_no_name(launcher: str, project: Project) -> None:
    name = f"localhost/hydra-vertex-broken:test-{os.getpid()}"

    ended = image(project, "-t", name, "--base", launcher, "--", "python", "app.py", "experiment=absent")

    assert ended.code == 2, ended.stderr
    assert "hydra-vertex: in the image: " in ended.stderr
    assert "experiment/absent" in ended.stderr
    assert docker("image", "inspect", name).returncode != 0


def test_the_user_s_own_dockerfile_is_built_as_it_is_and_keeps_its_user(launcher: str, project: Project) -> None:
    name = f"localhost/hydra-vertex-own:test-{os.getpid()}"
    text = f"FROM {launcher}\nARG GREETING=none\nENV GREETING=$GREETING\nCOPY . /work\nWORKDIR /work\nUSER 4321\n"
    own = project.write("own/Dockerfile", text)
    try:
        ended = image(project, "-t", name, "--file", str(own), "--build-arg", "GREETING=hello", *COMMAND)

        assert ended.code == 0, ended.stderr
        program = "import os; print(os.getuid(), os.environ['GREETING'], os.getcwd())"
        assert run(name, "-c", program, entrypoint="python").stdout.split() == ["4321", "hello", "/work"]
        assert f"{name}: its folder /work has ./.env, which usually hold secrets" in ended.stderr
    finally:
        remove(name)
        shutil.rmtree(own.parent)


def test_a_secret_file_that_dockerignore_does_not_list_is_refused_for_a_written_dockerfile(
    launcher: str, project: Project, tmp_path: Path
) -> None:
    copy = Project(tmp_path / "copy")
    shutil.copytree(project.path, copy.path)
    copy.write(".dockerignore", "outputs\n")

    ended = image(copy, "-t", "localhost/hydra-vertex-leak:test", "--base", launcher, *COMMAND)

    assert ended.code == 2, ended.stderr
    assert "its folder /app has ./.env, which usually hold secrets; list them in .dockerignore" in ended.stderr


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the HOST:PORT of a registry on loopback."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry on PATH (Debian's package docker-registry)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    folder = tmp_path_factory.mktemp("registry")
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": address},
    }
    (folder / "config.yml").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        wait_until_it_answers(f"http://{address}/v2/")
        yield address
    finally:
        child.terminate()
        child.wait()


def wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urlopen(url, timeout=5).close()  # noqa: S310 - http on loopback
        except (URLError, OSError):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_a_pushed_image_can_be_pulled_by_the_digest_in_the_printed_commands(
    app_image: Ended, project: Project, registry: str
) -> None:
    name = f"{registry}/team/app:1"
    tag = built("trial")
    try:
        ended = image(project, "-t", name, "--push", "--trial-only", "--base", tag, "--json", *COMMAND)
        assert ended.code == 0, ended.stderr
        result = json.loads(ended.stdout)
        assert result["digest"].startswith(f"{registry}/team/app@sha256:")
        assert result["commands"] == [
            (
                f"hydra-vertex job -o job.yaml --root gs://BUCKET/runs --search FILE --image {result['digest']} -- "
                "python app.py experiment=mine"
            ),
        ]
        remove(name)
        assert docker("pull", result["digest"]).returncode == 0
        assert run(result["digest"], "--version").stdout.startswith("hydra-trial ")
        remove(result["digest"])
    finally:
        remove(name, tag)


def test_a_push_that_no_registry_answers_is_a_failure_that_names_the_image(app_image: Ended, project: Project) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        name = f"127.0.0.1:{closed.getsockname()[1]}/app:1"
        ended = image(project, "-t", name, "--push", "--from", NAME, *COMMAND)
    remove(name)

    assert ended.code == 1, ended.stderr
    assert f"docker push of {name} failed with exit code 1" in ended.stderr


def run_command(project: Project, out: Path, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "hydra_vertex.cli.main", "run", "--runner", "docker", "--image", NAME]
    return [*command, "--network", "none", "--out", str(out), *arguments]


def run_in_containers(project: Project, out: Path, *arguments: str) -> Ended:
    command = run_command(project, out, *arguments)
    ended = subprocess.run(
        command, cwd=project.path, capture_output=True, text=True, timeout=LIMIT_S, env=environment(), check=False
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def containers_of_runs() -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", "label=hydra-vertex.run").stdout.split()


def test_a_run_in_containers_without_a_network_has_the_result_of_a_run_in_processes(
    app_image: Ended, project: Project, tmp_path: Path
) -> None:
    # One trial after another, so that each is suggested from the same history in both runs.
    arguments = ("--search", "search.yaml", "--seed", "7", "--parallel", "1", "--json", *COMMAND)

    inside = run_in_containers(project, tmp_path / "inside", *arguments)
    outside = project.hydra_vertex("run", "--out", str(tmp_path / "outside"), *arguments)

    assert inside.code == 0, inside.stderr
    there, here = json.loads(inside.stdout), json.loads(outside.stdout)
    for key in ("bestTrial", "value", "retrainedValue", "overrides", "seed"):
        assert there[key] == here[key], key
    assert "training with" in (tmp_path / "inside/logs/trial-1.log").read_text()
    assert {path.stat().st_uid for path in (tmp_path / "inside").rglob("*")} == {os.getuid()}
    assert containers_of_runs() == []


def test_trials_that_exit_3_exceed_the_memory_or_ignore_sigterm_end_as_failed_trials(
    app_image: Ended, project: Project, tmp_path: Path
) -> None:
    limits = ("--docker-option=--memory=2g", "--docker-option=--memory-swap=2g", "--trial-timeout", "30")

    ended = run_in_containers(project, tmp_path / "out", *limits, "--no-baseline", "--search", "endings.yaml", *COMMAND)

    assert ended.code == 0, ended.stderr
    trials = read_job(tmp_path / "out/job.json").trials
    reasons = {str(trial.parameters["ending"]): trial.infeasible_reason.partition("\n")[0] for trial in trials}
    assert reasons == {
        "ok": "",
        "exit": "exited with code 3",
        "memory": "killed by signal 9 (SIGKILL)",
        "ignore": "ran past its limit of 30 s",
    }


def test_a_step_that_fails_in_its_container_fails_the_run_with_its_exit_code(
    app_image: Ended, project: Project, tmp_path: Path
) -> None:
    failing = ("--search", "search.yaml", "--trials", "1", "--retrain", "ending=exit")

    ended = run_in_containers(project, tmp_path / "out", *failing, *COMMAND)

    assert ended.code == 3, ended.stderr
    assert "the step retrain failed with exit code 3" in ended.stderr


def started_run(project: Project, out: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a run and return when its first trial has printed."""
    command = run_command(project, out, *arguments)
    runner = subprocess.Popen(
        command, cwd=project.path, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for_trial(out / "studies", limit_s=LIMIT_S)
    return runner


SLOW = ("--search", "search.yaml", "--trials", "2", "--parallel", "1", *COMMAND, "sleep_s=8")


def test_ctrl_c_ends_the_containers_and_the_same_command_goes_on(
    app_image: Ended, project: Project, tmp_path: Path
) -> None:
    runner = started_run(project, tmp_path / "out", *SLOW)
    os.killpg(runner.pid, signal.SIGINT)
    _, stderr = runner.communicate(timeout=LIMIT_S)

    assert runner.returncode == 130, stderr
    assert "To continue:\n  hydra-vertex run --runner docker" in stderr
    wait_until_no_container()  # the engine removes a container some time after its end

    ended = run_in_containers(project, tmp_path / "out", *SLOW)

    assert ended.code == 0, ended.stderr
    assert len(read_job(tmp_path / "out/job.json").trials) == 2


def test_the_containers_of_a_run_that_is_killed_end_too(app_image: Ended, project: Project, tmp_path: Path) -> None:
    runner = started_run(project, tmp_path / "out", *SLOW)
    assert containers_of_runs() != []
    runner.kill()
    runner.communicate(timeout=LIMIT_S)

    wait_until_no_container()


def wait_until_no_container() -> None:
    deadline = time.monotonic() + LIMIT_S
    while containers_of_runs():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_containers_that_a_killed_run_has_left_are_ended_by_the_next_start(
    app_image: Ended, project: Project, tmp_path: Path
) -> None:
    from hydra_vertex.pipelines.local.containers import Containers

    containers = Containers(tmp_path, NAME, "none", (), (tmp_path,))
    name = f"hydra-vertex-test-{os.getpid()}"
    command = containers.command(name, NAME, ["sleep", "600"])
    started = docker("run", "--detach", *command[2:])
    assert started.returncode == 0, started.stderr

    assert Containers(tmp_path / "other", NAME).end_earlier() == 0
    assert containers.end_earlier() == 1

    assert docker("container", "inspect", name).returncode != 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image", "localhost/absent:1"), "--image localhost/absent:1: the engine has no such image"),
        (("--image", "python:3.11-slim"), "--image python:3.11-slim: has no hydra-vertex"),
    ],
)
def test_an_image_that_cannot_run_the_steps_is_refused(
    app_image: Ended, project: Project, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    out = tmp_path / "out"
    options = ("--runner", "docker", "--search", "search.yaml", "--out", str(out))

    ended = project.hydra_vertex("run", *options, *arguments, *COMMAND)

    assert ended.code == 2
    assert message in ended.stderr
    assert not out.exists()


def test_the_check_of_a_run_in_containers_asks_the_app_in_the_image(
    app_image: Ended, project: Project, tmp_path: Path
) -> None:
    ended = run_in_containers(project, tmp_path / "out", "--search", "search.yaml", *COMMAND, "absent=1")

    assert ended.code == 2
    assert "absent" in ended.stderr
    assert not (tmp_path / "out").exists()
    assert containers_of_runs() == []
