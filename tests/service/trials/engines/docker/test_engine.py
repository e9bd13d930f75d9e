"""Runs containers with a real Docker engine."""

from __future__ import annotations

import gc
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from requests.adapters import HTTPAdapter

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Interruption,
    Missing,
    Queued,
    Refused,
    RefusedError,
    Running,
    UnavailableError,
)
from hydra_vertex.service.trials.engines.docker.engine import DockerEngine
from hydra_vertex.service.trials.exit_status import failure_reason
from service.trials.engines.docker.containers import IMAGE, MakeLaunch, docker, exited, logged, make, observed

pytestmark = pytest.mark.docker

WAIT = "import time; print('waiting', flush=True); time.sleep(300)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('waiting'); time.sleep(300)"
TEXTS = (
    "",
    " ",
    "a b",
    "it's",
    '"quoted"',
    "$HOME ${x}",
    "$(id)",
    "`id`",
    "line\nline",
    "tab\t",
    "\\",
    "*",
    "-",
    "ü→😀",
)


def test_arguments_and_variables_reach_the_container_unchanged(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    launch = new_launch("import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))")
    environ = {f"TEXT_{place}": text for place, text in enumerate(TEXTS)} | {"REFERS": "$(AIP_MODEL_DIR)x"}
    worker = replace(launch.workers[0], args=TEXTS, environ=environ)
    launch = replace(launch, workers=(worker,))

    engine.launch(launch)
    assert exited(engine, launch).exit_status.is_success
    engine.fetch(launch)

    arguments, variables = json.loads(launch.folder.log.read_text())
    assert tuple(arguments) == TEXTS
    assert {name: value for name, value in variables.items() if name.startswith("TEXT_")} == {
        f"TEXT_{place}": text for place, text in enumerate(TEXTS)
    }
    assert variables["REFERS"] == "gs://bucket/study/7/model/x"
    assert variables["CLOUD_ML_TRIAL_ID"] == "7"
    assert variables["AIP_CHECKPOINT_DIR"] == "gs://bucket/study/7/checkpoints/"
    of_image = json.loads(docker("image", "inspect", "--format", "{{json .Config.Env}}", IMAGE))
    own = {"HOSTNAME", "HOME", "REFERS", *(entry.partition("=")[0] for entry in of_image)}
    others = {name for name in variables if not name.startswith(("TEXT_", "AIP_", "CLOUD_ML_"))}
    assert others - {"LC_CTYPE"} == own


def test_without_a_command_the_image_s_entrypoint_gets_the_arguments(
    engine: DockerEngine, new_launch: MakeLaunch, tmp_path: Path
) -> None:
    tag = f"localhost/entrypoint:{tmp_path.name.lower()}"
    (tmp_path / "Dockerfile").write_text(f'FROM {IMAGE}\nENTRYPOINT ["echo", "from the image:"]\nCMD ["its", "own"]\n')
    docker("build", "--quiet", "--tag", tag, str(tmp_path))
    try:
        for command, args, expected in (
            ((), ("a  b",), "from the image: a  b"),
            ((), (), "from the image: its own"),
            (("echo",), ("c",), "c"),
            (("echo", "only"), (), "only"),
        ):
            launch = new_launch("")
            worker = replace(launch.workers[0], image=tag, command=command, args=args)
            launch = replace(launch, workers=(worker,))
            engine.launch(launch)
            assert exited(engine, launch).exit_status.is_success
            engine.fetch(launch)
            assert launch.folder.log.read_text() == f"{expected}\n"
            engine.remove(launch)
    finally:
        docker("image", "rm", "--force", tag)


FILES = """
import os
open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "w").write('{"metric": 1}\\n')
for name in ("AIP_MODEL_DIR", "AIP_CHECKPOINT_DIR", "AIP_TENSORBOARD_LOG_DIR"):
    folder = os.environ[name].replace("gs://", "/gcs/")
    open(folder + "file", "w").write(name)
    os.makedirs(folder + "../hydra", exist_ok=True)
print(os.getuid(), os.getgid(), open("/proc/self/status").read())
"""


@pytest.mark.parametrize("uri", ["gs://bucket/study", "gs://bucket", "", "absolute"])
def test_an_ordinary_user_writes_measurements_and_output(
    engine: DockerEngine, new_launch: MakeLaunch, tmp_path: Path, uri: str
) -> None:
    launch = new_launch(FILES, uri=str(tmp_path / "results") if uri == "absolute" else uri)

    engine.launch(launch)
    state = exited(engine, launch)
    engine.fetch(launch)

    log = launch.folder.log.read_text()
    assert state.exit_status.is_success, log
    assert launch.folder.metric_file.read_text() == '{"metric": 1}\n'
    assert (launch.output_dir / "7" / "model" / "file").read_text() == "AIP_MODEL_DIR"
    assert (launch.output_dir / "7" / "hydra").is_dir()
    uid = os.geteuid() or 1000
    assert log.startswith(f"{uid} ")
    assert "\nGroups:\t0" in log
    assert "CapEff:\t0000000000000000" in log
    assert "NoNewPrivs:\t1" in log


@pytest.mark.skipif(os.geteuid() != 0, reason="the containers of a service of root have another user")
def test_a_folder_of_the_user_that_the_containers_may_not_enter_is_refused(
    engine: DockerEngine, new_launch: MakeLaunch, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    results.mkdir(mode=0o700)
    launch = new_launch("", uri=str(results))

    with pytest.raises(RefusedError, match=r"the containers' user 1000:1000 may not enter it; `chmod o\+x` it"):
        engine.launch(launch)

    results.chmod(0o711)
    engine.remove(launch)
    engine.launch(launch)
    assert exited(engine, launch).exit_status.is_success


def test_a_service_of_root_keeps_its_folder_private(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    launch = new_launch(FILES)

    engine.launch(launch)
    exited(engine, launch)

    service = launch.folder.path.parents[3]
    assert stat.S_IMODE(service.stat().st_mode) == 0o700


def test_a_root_that_is_read_only_has_a_writable_tmp(
    service_id: str, docker_engine: None, new_launch: MakeLaunch
) -> None:
    engine = make(service_id, read_only=True, shm_size="128Mi", cpus=0.5)
    code = """
open("/tmp/x", "w")
try:
    open("/var/tmp/x", "w")
except OSError as error:
    print(error.strerror)
import os
print(os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize >> 20)
"""
    launch = new_launch(code)

    engine.launch(launch)
    state = exited(engine, launch)
    engine.fetch(launch)

    assert state.exit_status.is_success
    assert launch.folder.log.read_text() == "Read-only file system\n128\n"


def test_extra_folders_are_mounted(
    service_id: str, docker_engine: None, new_launch: MakeLaunch, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("content")
    engine = make(service_id, mounts=[f"{tmp_path}/data:/gcs/data:ro"])
    launch = new_launch("print(open('/gcs/data/file').read()); open('/gcs/data/new', 'w')")

    engine.launch(launch)
    state = exited(engine, launch)
    engine.fetch(launch)

    assert state.exit_status.code == 1
    # stdout and stderr are two streams, whose order in the log is the engine's.
    assert "content" in launch.folder.log.read_text().splitlines()
    assert "Read-only file system" in launch.folder.log.read_text()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(3)", "exited with code 3"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL (exit code 137), not by its memory limit"),
        ("import os; os.kill(os.getpid(), 11)", "exited with code 139, as after signal 11 (SIGSEGV)"),
        ("import os; os.kill(os.getpid(), 15)", "exited with code 143, as after signal 15 (SIGTERM)"),
        ("x = bytearray(1 << 30)", "killed for memory: it used more than its limit of 0.0625 GiB (OOMKilled"),
    ],
)
def test_the_cause_of_a_failure_is_named(
    service_id: str, docker_engine: None, new_launch: MakeLaunch, code: str, expected: str
) -> None:
    engine = make(service_id, memory="64Mi")
    launch = new_launch(code)

    engine.launch(launch)
    status = exited(engine, launch).exit_status

    assert failure_reason(status, 600).startswith(expected)
    assert not status.stopped
    assert not status.is_success
    assert status.started is not None


@pytest.mark.parametrize(("code", "expected"), [(WAIT, 143), (DEAF, None)])
def test_an_end_is_sigterm_and_after_the_grace_sigkill(
    engine: DockerEngine, new_launch: MakeLaunch, code: str, expected: int | None
) -> None:
    launch = new_launch(code, grace_s=1)
    engine.launch(launch)
    logged(engine, launch, "waiting")

    engine.end(launch)
    status = exited(engine, launch).exit_status

    assert status.stopped
    assert status.code == expected
    assert status.signal == (None if expected else signal.SIGKILL)


def test_an_end_goes_on_after_the_service_was_killed(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    launch = new_launch(DEAF, grace_s=2)
    engine.launch(launch)
    logged(engine, launch, "waiting")
    # Another service, which dies right after its request.
    code = """
import os, pickle, sys, time
from hydra_vertex.service.trials.engines.docker import make_engine
engine = make_engine({"network": "none"}, sys.argv[1])
engine.end(pickle.loads(bytes.fromhex(sys.argv[2])))
time.sleep(0.5)
os.kill(os.getpid(), 9)
"""
    words = [sys.executable, "-c", code, engine._engine.service_id, pickle.dumps(launch).hex()]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL

    deadline = time.monotonic() + 60
    while docker("inspect", "--format", "{{.State.Running}}", f"{launch.id}-0-0") == "true":
        assert time.monotonic() < deadline
    assert exited(make(engine._engine.service_id), launch).exit_status.stopped


def test_a_container_that_another_client_has_paused_can_be_ended(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    launch = new_launch(WAIT, grace_s=1)
    engine.launch(launch)
    logged(engine, launch, "waiting")
    docker("pause", f"{launch.id}-0-0")
    assert isinstance(engine.observe(launch), Running)

    engine.end(launch)

    assert exited(engine, launch).exit_status.stopped


def test_a_request_after_the_end_does_not_count(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    launch = new_launch("")
    engine.launch(launch)
    docker("wait", f"{launch.id}-0-0")

    engine.end(launch)

    assert exited(engine, launch).exit_status == replace(exited(engine, launch).exit_status, code=0, stopped=False)


def test_a_launch_is_known_until_it_is_removed(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    launch, unknown = new_launch(WAIT), new_launch(WAIT)
    assert engine.observe(unknown) == Missing()
    engine.end(unknown)
    engine.fetch(unknown)
    engine.remove(unknown)

    engine.launch(launch)
    engine.launch(launch)
    state = observed(engine, launch, Running)
    assert isinstance(state, Running)
    assert engine.known_ids() == {launch.id}
    assert make("0" * 8).known_ids() == frozenset()

    engine.remove(launch)
    assert engine.known_ids() == frozenset()
    assert engine.observe(launch) == Missing()
    engine.remove(launch)


def test_a_new_service_takes_up_a_running_launch(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    launch = new_launch("import time\nfor i in range(10**6): print(i); time.sleep(0.05)")
    engine.launch(launch)
    logged(engine, launch, "5\n")

    other = make(engine._engine.service_id)
    other.launch(launch)
    assert isinstance(other.observe(launch), Running)
    logged(other, launch, "10\n")
    logged(other, launch, "15\n")
    other.end(launch)
    assert exited(other, launch).exit_status.stopped
    other.fetch(launch)

    lines = launch.folder.log.read_text().split()
    assert lines == [str(number) for number in range(len(lines))]


def test_containers_that_were_created_only_are_started(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    launch = new_launch("print('started')")
    engine.launch(launch)
    document = json.loads(docker("inspect", f"{launch.id}-0-0"))[0]
    engine.remove(launch)
    # What a service leaves that is killed between the creation and the start.
    engine.launch(launch)
    docker("rm", "--force", f"{launch.id}-0-0")
    config = {**document["Config"], "HostConfig": document["HostConfig"]}
    engine._client.create(f"{launch.id}-0-0", config)

    assert exited(engine, launch).exit_status.is_success


def test_containers_that_were_created_before_that_was_recorded_are_made_anew(
    engine: DockerEngine, new_launch: MakeLaunch
) -> None:
    launch = new_launch("print('from the new one')")
    labels = ("--label", f"hydra-vertex/launch={launch.id}")
    docker("create", "--name", f"{launch.id}-0-0", "--network", "none", *labels, IMAGE, "echo", "from the old one")

    engine.launch(launch)
    assert exited(engine, launch).exit_status.is_success
    engine.fetch(launch)

    assert launch.folder.log.read_text() == "from the new one\n"


@pytest.mark.parametrize("verb", [("kill",), ("kill", "--signal", "TERM"), ("stop", "--time", "0"), ("rm", "--force")])
def test_a_container_that_another_client_ends_is_an_interruption(
    engine: DockerEngine, new_launch: MakeLaunch, verb: tuple[str, ...]
) -> None:
    launch = new_launch(WAIT)
    engine.launch(launch)
    logged(engine, launch, "waiting")

    docker(*verb, f"{launch.id}-0-0")
    state = observed(engine, launch, Interrupted, Exited)

    assert isinstance(state, Interrupted)
    assert state.cause is Interruption.REMOVED
    assert "another client" in state.detail


@pytest.mark.parametrize("code", [0, 3])
def test_an_ended_container_that_another_client_removes_keeps_its_exit_code(
    engine: DockerEngine, new_launch: MakeLaunch, code: int
) -> None:
    launch = new_launch(f"raise SystemExit({code})")
    engine.launch(launch)
    docker("wait", f"{launch.id}-0-0")

    docker("rm", f"{launch.id}-0-0")

    assert exited(engine, launch).exit_status.code == code


def test_a_removed_container_after_a_request_to_end_is_a_stopped_one(
    engine: DockerEngine, new_launch: MakeLaunch
) -> None:
    launch = new_launch(DEAF, grace_s=60)
    engine.launch(launch)
    logged(engine, launch, "waiting")
    engine.end(launch)

    docker("rm", "--force", f"{launch.id}-0-0")

    assert exited(engine, launch).exit_status.stopped


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"image": "localhost/no-such-image:1"}, "the engine does not have it, and `pull` is never"),
        ({"command": ("",)}, "names no program"),
        ({"args": ("a\0b",)}, "args[0]: contains a NUL"),
        ({"args": ("\udcff",)}, "args[0]: is not UTF-8"),
        ({"environ": {"A=B": "x"}}, "no name of an environment variable"),
        ({"machine": {"acceleratorType": "NVIDIA_L4", "acceleratorCount": 1}}, "could not select device driver"),
        ({"machine": {"acceleratorCount": -1}}, "machineSpec.acceleratorCount"),
    ],
)
def test_a_launch_that_can_never_run_is_refused_with_what_docker_says(
    engine: DockerEngine, new_launch: MakeLaunch, changes: dict[str, object], expected: str
) -> None:
    launch = new_launch("")
    launch = replace(launch, workers=(replace(launch.workers[0], **changes),))  # type: ignore[arg-type]

    with pytest.raises(RefusedError) as refused:
        engine.launch(launch)

    assert expected in str(refused.value)
    assert isinstance(engine.observe(launch), (Refused, Missing))
    engine.remove(launch)
    assert engine.known_ids() == frozenset()


def test_a_program_that_the_image_does_not_have_is_the_trial_s_failure(
    engine: DockerEngine, new_launch: MakeLaunch
) -> None:
    launch = new_launch("")
    launch = replace(launch, workers=(replace(launch.workers[0], command=("no-such-program",)),))

    engine.launch(launch)
    status = exited(engine, launch).exit_status
    engine.fetch(launch)

    assert status.code == 127
    assert "no-such-program" in launch.folder.log.read_text()


def test_without_init_docker_refuses_a_program_that_the_image_does_not_have(
    service_id: str, docker_engine: None, new_launch: MakeLaunch
) -> None:
    engine = make(service_id, init=False)
    launch = new_launch("")
    launch = replace(launch, workers=(replace(launch.workers[0], command=("no-such-program",)),))

    with pytest.raises(RefusedError, match="executable file not found"):
        engine.launch(launch)

    assert isinstance(engine.observe(launch), Refused)


def test_a_folder_that_the_engine_s_machine_does_not_have_is_refused(
    service_id: str, docker_engine: None, new_launch: MakeLaunch, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    engine = make(service_id, mounts=[f"{tmp_path}/data:/data"])
    (tmp_path / "data").rmdir()

    with pytest.raises(RefusedError, match="bind source path does not exist"):
        engine.launch(new_launch(""))


def test_an_image_that_the_registry_refuses_is_refused_after_its_pull(
    service_id: str, docker_engine: None, new_launch: MakeLaunch
) -> None:
    engine = make(service_id, pull="missing")
    launch = new_launch("")
    # Port 9 of this machine: the engine gets no answer from a registry there.
    launch = replace(launch, workers=(replace(launch.workers[0], image="127.0.0.1:9/no/image:1"),))

    engine.launch(launch)
    state = observed(engine, launch, Refused)

    assert isinstance(state, Refused)
    assert "127.0.0.1:9/no/image:1" in state.detail
    assert "connection refused" in state.detail


def test_a_launch_that_waits_for_its_image_can_be_ended(
    engine: DockerEngine, new_launch: MakeLaunch, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = new_launch("")
    pulling = threading.Event()
    monkeypatch.setattr(engine._images, "_policy", "always")
    monkeypatch.setattr(engine._client, "pull", lambda image: pulling.wait(60))

    engine.launch(launch)
    assert engine.observe(launch) == Queued(f"pulls {IMAGE}")
    engine.end(launch)
    assert engine.observe(launch) == Missing()
    pulling.set()


def test_a_launch_waits_for_gpus_that_other_containers_have(
    service_id: str, docker_engine: None, new_launch: MakeLaunch
) -> None:
    engine = make(service_id, gpu_devices=["0", "1"], gpus=2)
    launch = new_launch("")
    other = docker("run", "--detach", "--network", "none", "--label", "hydra-vertex/gpus=1",
                   "--label", f"hydra-vertex/service={service_id}", IMAGE, "sleep", "300")  # fmt: skip

    engine.launch(launch)
    assert engine.observe(launch) == Queued("waits for 2 of the GPUs 0, 1")

    docker("rm", "--force", other)
    state = engine.observe(launch)
    assert isinstance(state, Refused)
    assert "could not select device driver" in state.detail  # this engine has no GPUs


def test_an_engine_that_does_not_answer_is_unavailable(
    engine: DockerEngine, new_launch: MakeLaunch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    launch = new_launch(WAIT)
    engine.launch(launch)
    api = engine._client._api
    monkeypatch.setattr(api, "base_url", "http://127.0.0.1:9")
    api.mount("http://", HTTPAdapter())

    for verb in (engine.observe, engine.fetch, engine.end, engine.remove):
        with pytest.raises(UnavailableError):
            verb(launch)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"network": "no-such-network"}, "network: the Docker engine has no network 'no-such-network'"),
        ({"mounts": ["no-such-volume:/data"]}, "no volume 'no-such-volume'"),
        ({"privileged": True}, "privileged: not a key of the Docker engine; its keys are host, network"),
    ],
)
def test_settings_that_the_engine_cannot_follow_are_refused_at_once(
    docker_engine: None, settings: dict[str, object], expected: str
) -> None:
    with pytest.raises(UserError) as refused:
        make("0" * 8, **settings)

    assert expected in str(refused.value)


def test_an_engine_that_does_not_answer_is_refused_at_once() -> None:
    message = ""
    with warnings.catch_warnings():
        # The client library leaves the socket of a failed connection to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            make("0" * 8, host="unix:///no/such.sock")
        except UserError as error:
            message = str(error)
        gc.collect()

    assert message.startswith("host: no Docker engine answers at unix:///no/such.sock")


def test_the_log_is_complete_with_long_lines_and_both_streams(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    code = """
import sys
for number in range(2000):
    print(number, "x" * (40_000 if number % 500 == 0 else 20), file=sys.stderr if number % 2 else sys.stdout)
print("end", end="")
"""
    launch = new_launch(code)
    engine.launch(launch)
    exited(engine, launch)
    engine.fetch(launch)
    engine.fetch(launch)

    text = launch.folder.log.read_text()
    assert sorted(int(line.split()[0]) for line in text.splitlines() if line != "end") == list(range(2000))
    assert all(len(line.split()[1]) in {20, 40_000} for line in text.splitlines() if line != "end")
    assert not list(launch.folder.path.glob("*.part"))


def test_a_link_in_place_of_the_metric_file_is_not_followed(
    engine: DockerEngine, new_launch: MakeLaunch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    launch = new_launch(f"import os; os.symlink({str(secret)!r}, os.environ['CLOUD_ML_HP_METRIC_FILE'])")
    engine.launch(launch)
    assert exited(engine, launch).exit_status.is_success

    engine.fetch(launch)

    assert not launch.folder.metric_file.exists()


def test_a_worker_that_fails_ends_the_others_and_is_the_reason(
    service_id: str, docker_engine: None, new_launch: MakeLaunch
) -> None:
    engine = make(service_id, network="host")
    launch = new_launch(DEAF, WAIT, "print('the reason'); raise SystemExit(4)", grace_s=1)

    engine.launch(launch)
    status = exited(engine, launch).exit_status
    engine.fetch(launch)

    assert (status.code, status.stopped) == (4, False)
    assert (launch.folder.path / "workers/1-1/log.txt").read_text() == "the reason\n"
    assert "its worker 1 of pool 1 exited with code 4" in status.detail
    running = docker("ps", "--quiet", "--filter", f"label=hydra-vertex/launch={launch.id}")
    assert running == ""


def test_the_end_of_the_chief_ends_the_others(service_id: str, docker_engine: None, new_launch: MakeLaunch) -> None:
    engine = make(service_id, network="host")
    launch = new_launch("import time; time.sleep(1)", WAIT, "", grace_s=1)

    engine.launch(launch)

    assert exited(engine, launch).exit_status.code == 0


@pytest.mark.parametrize("place", ["0-0", "1-0"])
def test_a_removed_worker_interrupts_the_launch(
    service_id: str, docker_engine: None, new_launch: MakeLaunch, place: str
) -> None:
    engine = make(service_id, network="host")
    launch = new_launch(WAIT, WAIT, grace_s=1)
    engine.launch(launch)
    logged(engine, launch, "waiting")

    docker("rm", "--force", f"{launch.id}-{place}")
    state = observed(engine, launch, Interrupted, Exited)

    assert isinstance(state, Interrupted)
    assert state.cause is Interruption.REMOVED


def test_several_workers_without_a_common_network_are_refused(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    with pytest.raises(RefusedError, match="2 workers cannot reach each other on Docker's network 'none'"):
        engine.launch(new_launch("", ""))


MEETING = """
import json, os, socket, time
spec = json.loads(os.environ["CLUSTER_SPEC"])
if os.environ["RANK"] == "0":
    listener = socket.create_server(("", int(os.environ["MASTER_PORT"])))
    listener.settimeout(60)
    connection, _ = listener.accept()
    print(connection.recv(100).decode(), sorted(spec["cluster"]), flush=True)
else:
    for _ in range(600):
        try:
            peer = socket.create_connection((os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])), 5)
        except OSError:
            time.sleep(0.1)
        else:
            peer.sendall(b"from rank " + os.environ["RANK"].encode())
            break
"""


@pytest.mark.parametrize("network", ["host", "own"])
def test_workers_reach_the_chief(
    service_id: str, docker_engine: None, new_launch: MakeLaunch, own_network: str, network: str
) -> None:
    engine = make(service_id, network=own_network if network == "own" else network)
    launch = new_launch(MEETING, MEETING)

    engine.launch(launch)
    state = exited(engine, launch)
    engine.fetch(launch)

    assert state.exit_status.is_success, launch.folder.log.read_text()
    assert launch.folder.log.read_text() == "from rank 1 ['workerpool0', 'workerpool1']\n"


def test_a_running_container_is_measured(engine: DockerEngine, new_launch: MakeLaunch) -> None:
    launch = new_launch("print('busy', flush=True)\nwhile True: pass")
    engine.launch(launch)
    observed(engine, launch, Running)
    (first,) = engine.measure(launch)
    time.sleep(1)
    (second,) = engine.measure(launch)
    assert second.worker == "workerpool0-0"
    assert second.origin == first.origin != ""
    assert (second.cpu_s or 0) > (first.cpu_s or 0)
    assert 0 < (second.memory_bytes or 0) < (second.memory_limit_bytes or 0)
    engine.remove(launch)
    assert engine.measure(launch) == ()
