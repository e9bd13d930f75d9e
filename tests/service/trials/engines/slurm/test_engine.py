"""The Slurm engine on a real cluster: launches, ends, and everything that interrupts a job."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Interruption,
    Launch,
    Missing,
    Queued,
    Refused,
    RefusedError,
    Running,
    State,
    UnavailableError,
    WorkerEngine,
)
from hydra_vertex.service.trials.engines.slurm import make_engine
from hydra_vertex.service.trials.engines.slurm.job_queue import details
from hydra_vertex.service.trials.exit_status import failure_reason
from service.harness import wait_until
from service.trials.engines.slurm.cluster import jobs_named, needs_cluster, no_controller, node_down, sbatch, scontrol
from service.trials.engines.slurm.conftest import NewEngine
from service.trials.engines.slurm.launches import SERVICE_ID, launch_of, log_of, wait_for_kind, wait_for_log, worker

pytestmark = needs_cluster

SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
SLEEP = "print('begun', flush=True); import time; time.sleep(120)"
GRACEFUL = """
import signal, sys, time
def end(*_):
    print("terminated", flush=True)
    sys.exit(int(sys.argv[1]))
signal.signal(signal.SIGTERM, end)
print("begun", flush=True)
time.sleep(120)
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEP


def python(*words: str) -> tuple[str, ...]:
    return ("python3", "-u", "-c", *words)


def job_id_of(launch: Launch) -> str:
    return (launch.folder.path / f"slurm-{launch.id}" / "job").read_text().strip()


def exit_of(state: State) -> tuple[int | None, int | None, bool]:
    assert isinstance(state, Exited), state
    return state.exit_status.code, state.exit_status.signal, state.exit_status.stopped


def test_a_trial_gets_its_arguments_and_variables_unchanged(engine: WorkerEngine, tmp_path: Path) -> None:
    words = ["", "two words", 'it\'s "$HOME" `id` \\ ${x:-1}', "line\nline\r\t", "ü→🙂", "*", "--a=b", "!x", "@SETUP@"]
    environ = {"A": "x y\n'\"$HOME`", "B.c": "odd name", "EMPTY": "", "É": "ü"}
    launch = launch_of(tmp_path, worker(*python(SHOW), *words, environ=environ))
    engine.launch(launch)
    assert exit_of(wait_for_kind(engine, launch, Exited)) == (0, None, False)
    argv, seen = json.loads(log_of(engine, launch))
    assert argv == words
    assert {name: seen.get(name) for name in environ} == environ
    assert seen["CLOUD_ML_TRIAL_ID"] == "7"
    assert seen["AIP_MODEL_DIR"] == f"{tmp_path}/output/7/model/"
    assert (tmp_path / "output/7/model").is_dir()


def test_a_trial_has_no_variable_of_the_service(
    engine: WorkerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_SECRET", "1")
    monkeypatch.setenv("SBATCH_EXPORT", "ALL")
    launch = launch_of(tmp_path, worker(*python(SHOW)))
    engine.launch(launch)
    wait_for_kind(engine, launch, Exited)
    seen = json.loads(log_of(engine, launch))[1]
    assert "SERVICE_SECRET" not in seen
    assert seen["PATH"].startswith(os.environ["PATH"])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("sh", "-c", "exit 3"), (3, None, False)),
        (("sh", "-c", "kill -9 $$"), (None, 9, False)),
        (("sh", "-c", "kill -TERM $$"), (None, 15, False)),
        (("no-such-program",), (127, None, False)),
    ],
)
def test_an_exit_is_the_trials_own(
    engine: WorkerEngine, tmp_path: Path, command: tuple[str, ...], expected: tuple[int | None, int | None, bool]
) -> None:
    launch = launch_of(tmp_path, worker(*command))
    engine.launch(launch)
    assert exit_of(wait_for_kind(engine, launch, Exited)) == expected


def test_reports_and_log_are_in_the_trials_folder(engine: WorkerEngine, tmp_path: Path) -> None:
    program = "import os; open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'w').write('{}\\n'); print('out')"
    launch = launch_of(tmp_path, worker(*python(program)))
    engine.launch(launch)
    wait_for_kind(engine, launch, Exited)
    engine.fetch(launch)
    assert launch.folder.metric_file.read_text() == "{}\n"
    assert launch.folder.log.read_text() == "out\n"
    engine.remove(launch)
    assert launch.folder.log.read_text() == "out\n"


def test_a_launch_is_started_once_however_often_it_is_launched(new_engine: NewEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("sh", "-c", "date >> runs"))
    runs = tmp_path / "runs"
    engine = new_engine(working_directory=str(tmp_path))
    engine.launch(launch)
    engine.launch(launch)
    new_engine(working_directory=str(tmp_path)).launch(launch)
    wait_for_kind(engine, launch, Exited)
    engine.launch(launch)
    assert len(runs.read_text().splitlines()) == 1


def test_a_job_whose_id_was_not_recorded_is_found_by_its_name(new_engine: NewEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("true"))
    # The job waits, so that it has not claimed the launch.
    engine = new_engine(sbatch_options=["--begin=now+1hour"])
    engine.launch(launch)
    (launch.folder.path / f"slurm-{launch.id}" / "job").unlink()
    later = new_engine(sbatch_options=["--begin=now+1hour"])
    later.launch(launch)
    assert len(jobs_named(launch.id)) == 1
    assert later.known_ids() == {launch.id}
    assert later.observe(launch) == Queued("BeginTime")


def test_a_second_job_of_a_launch_runs_nothing(new_engine: NewEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("sh", "-c", "date >> runs; sleep 3"))
    engine = new_engine(working_directory=str(tmp_path))
    engine.launch(launch)
    wait_for_kind(engine, launch, Running)
    second = sbatch(f"--job-name={launch.id}", "--wait", "--export=NONE", f"--output={tmp_path}/second.txt",
                    str(launch.folder.path / f"slurm-{launch.id}" / "batch.sh"))  # fmt: skip
    assert exit_of(wait_for_kind(engine, launch, Exited)) == (0, None, False)
    assert len((tmp_path / "runs").read_text().splitlines()) == 1
    assert f"job {second} is a second submission" in (tmp_path / "second.txt").read_text()


def test_a_requested_end_is_graceful(engine: WorkerEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker(*python(GRACEFUL, "5")), grace_s=30)
    engine.launch(launch)
    wait_for_log(engine, launch, "begun")
    engine.end(launch)
    assert exit_of(wait_for_kind(engine, launch, Exited)) == (5, None, True)
    assert log_of(engine, launch) == "begun\nterminated\n"


def test_a_command_that_ignores_its_end_is_killed_though_the_service_is_gone(
    new_engine: NewEngine, tmp_path: Path
) -> None:
    launch = launch_of(tmp_path, worker(*python(DEAF)), grace_s=1)
    engine = new_engine()
    engine.launch(launch)
    wait_for_log(engine, launch, "begun")
    engine.end(launch)
    assert exit_of(wait_for_kind(new_engine(), launch, Exited)) == (None, 9, True)


def test_a_launch_that_waits_leaves_the_queue_at_its_end(new_engine: NewEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("true"))
    engine = new_engine(sbatch_options=["--begin=now+1hour"])
    engine.launch(launch)
    engine.end(launch)
    assert wait_for_kind(engine, launch, Missing) == Missing()
    assert jobs_named(launch.id) == []
    engine.launch(launch)
    assert engine.known_ids() == frozenset()


def test_a_job_that_is_accepted_after_the_end_runs_nothing(new_engine: NewEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("touch", str(tmp_path / "ran")))
    engine = new_engine(sbatch_options=["--begin=now+1hour"])
    engine.launch(launch)
    engine.end(launch)
    script = str(launch.folder.path / f"slurm-{launch.id}" / "batch.sh")
    sbatch("--wait", "--export=NONE", "--output=/dev/null", script)
    assert not (tmp_path / "ran").exists()


def test_remove_kills_what_runs(engine: WorkerEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker(*python(DEAF)))
    engine.launch(launch)
    wait_for_log(engine, launch, "begun")
    assert engine.known_ids() == {launch.id}
    engine.remove(launch)
    assert engine.known_ids() == frozenset()
    engine.remove(launch)


@pytest.mark.parametrize("exit_code", ["0", "4"])
def test_a_preempted_trial_is_interrupted_whatever_its_exit_code(
    new_engine: NewEngine, tmp_path: Path, exit_code: str
) -> None:
    engine = new_engine(partition="spot", sbatch_options=["--nodelist=n3", "--exclusive"])
    launch = launch_of(tmp_path, worker(*python(GRACEFUL, exit_code)))
    engine.launch(launch)
    wait_for_log(engine, launch, "begun")
    sbatch("--partition=main", "--nodelist=n3", "--exclusive", "--output=/dev/null", "--wrap=true")
    state = wait_for_kind(engine, launch, Interrupted, Exited)
    assert isinstance(state, Interrupted), state
    assert state.cause is Interruption.PREEMPTED
    assert "PREEMPTION" in state.detail
    assert "terminated" in log_of(engine, launch)


def test_a_requeued_trial_runs_again_as_the_same_launch(new_engine: NewEngine, tmp_path: Path) -> None:
    program = """
import os, sys, time
n = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "w") as file:
    file.write(f"run {n}\\n")
print("begun", n, flush=True)
time.sleep(0 if n else 120)
"""
    engine = new_engine(requeue=True)
    launch = launch_of(tmp_path, worker(*python(program)))
    engine.launch(launch)
    wait_for_log(engine, launch, "begun 0")
    job_id = job_id_of(launch)
    first = engine.observe(launch)
    scontrol("requeue", job_id)
    waiting = wait_for_kind(engine, launch, Queued)
    assert isinstance(waiting, Queued)
    assert exit_of(wait_for_kind(engine, launch, Exited)) == (0, None, False)
    assert isinstance(first, Running)
    assert log_of(engine, launch) == "begun 1\n"
    assert launch.folder.metric_file.read_text() == "run 0\nrun 1\n"


def test_a_lost_node_interrupts_its_trial(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(sbatch_options=["--nodelist=n2"])
    launch = launch_of(tmp_path, worker(*python(DEAF)))
    engine.launch(launch)
    wait_for_log(engine, launch, "begun")
    with node_down("n2"):
        state = wait_for_kind(engine, launch, Interrupted)
    assert isinstance(state, Interrupted)
    assert state.cause is Interruption.NODE_LOST


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_job_that_someone_else_cancels_is_interrupted(
    new_engine: NewEngine, tmp_path: Path, is_waiting: bool
) -> None:
    engine = new_engine(sbatch_options=["--begin=now+1hour"] if is_waiting else [])
    launch = launch_of(tmp_path, worker(*python(GRACEFUL, "0")))
    engine.launch(launch)
    if not is_waiting:
        wait_for_log(engine, launch, "begun")
    job_id = job_id_of(launch)
    subprocess.run(["scancel", job_id], check=True)
    state = wait_for_kind(engine, launch, Interrupted, Exited)
    assert isinstance(state, Interrupted), state
    assert state.cause is Interruption.REMOVED


def test_slurms_time_limit_is_the_trials(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine()
    launch = launch_of(tmp_path, worker(*python(GRACEFUL, "0")))
    engine.launch(launch)
    wait_for_log(engine, launch, "begun")
    job_id = job_id_of(launch)
    scontrol("update", f"JobId={job_id}", "TimeLimit=0:01")
    state = wait_for_kind(engine, launch, Exited, Interrupted)
    assert isinstance(state, Exited), state
    assert state.exit_status.timed_out


def test_too_much_memory_is_the_trials_failure_and_says_so(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(memory="100M")
    launch = launch_of(tmp_path, worker(*python("x = bytearray(300 << 20)\n" + SLEEP)))
    engine.launch(launch)
    state = wait_for_kind(engine, launch, Exited, Interrupted)
    assert isinstance(state, Exited), state
    assert state.exit_status.signal == 9
    assert "memory limit" in state.exit_status.detail


def test_a_folder_that_the_node_does_not_see_is_refused(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(sbatch_options=["--begin=now+3"])
    launch = launch_of(tmp_path / "away", worker("true"))
    engine.launch(launch)
    # The node cannot open the job's files.
    (tmp_path / "away").rename(tmp_path / "moved")
    (tmp_path / "moved/trials/7" / f"slurm-{launch.id}" / "batch.sh").unlink()
    state = wait_for_kind(engine, launch, Refused, Exited, Interrupted)
    (tmp_path / "moved").rename(tmp_path / "away")
    assert isinstance(state, (Refused, Interrupted)), state
    settled = wait_for_kind(engine, launch, Refused)
    assert isinstance(settled, Refused)
    assert "must be on a file system that the nodes share" in settled.detail


def test_what_slurm_refuses_at_once_is_refused_with_its_words(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(machines={"NVIDIA_L4": "gpu:1"})
    machine: JsonObject = {"acceleratorType": "NVIDIA_L4", "acceleratorCount": 9}
    with pytest.raises(RefusedError, match="Requested node configuration is not available"):
        engine.launch(launch_of(tmp_path, worker("true", machine=machine)))


def test_a_reason_that_never_ends_is_refused(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(partition="spot")
    launch = launch_of(tmp_path, worker("true"), timeout_s=7200)
    scontrol("update", "PartitionName=spot", "MaxTime=1")
    try:
        engine.launch(launch)
        state = wait_for_kind(engine, launch, Refused, Exited)
    finally:
        scontrol("update", "PartitionName=spot", "MaxTime=UNLIMITED")
    assert isinstance(state, Refused), state
    assert "PartitionTimeLimit: a longer time limit than the partition allows" in state.detail


def test_a_working_directory_that_the_node_does_not_have_is_refused(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(working_directory=str(tmp_path / "it's not there"))
    launch = launch_of(tmp_path, worker("true"))
    engine.launch(launch)
    state = wait_for_kind(engine, launch, Refused, Exited)
    assert isinstance(state, Refused)
    assert f"has no folder {tmp_path}/it's not there, in which the command is to start" in state.detail


def test_a_job_that_has_ended_well_is_left_to_end_by_itself(engine: WorkerEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("true"))
    engine.launch(launch)
    wait_for_kind(engine, launch, Exited)
    engine.remove(launch)
    assert engine.observe(launch) == Missing()
    job = details(job_id_of(launch), launch.id)
    assert job is not None
    assert job.state == "COMPLETED"


def test_a_machines_accelerators_are_generic_resources(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(machines={"NVIDIA_L4": "gpu:h100"})
    machine: JsonObject = {"acceleratorType": "NVIDIA_L4", "acceleratorCount": 2}
    launch = launch_of(tmp_path, worker("sh", "-c", "echo $CUDA_VISIBLE_DEVICES", machine=machine))
    engine.launch(launch)
    wait_for_kind(engine, launch, Exited)
    assert log_of(engine, launch) == "0,1\n"


def test_trials_go_on_while_the_controller_is_down(engine: WorkerEngine, tmp_path: Path) -> None:
    first, second = (launch_of(tmp_path / name, worker("sh", "-c", f"echo begun; sleep {s}"))
                     for name, s in (("a", 1), ("b", 120)))  # fmt: skip
    engine.launch(first)
    engine.launch(second)
    wait_for_log(engine, first, "begun")
    wait_for_log(engine, second, "begun")
    with no_controller():
        assert exit_of(wait_for_kind(engine, first, Exited)) == (0, None, False)
        with pytest.raises(UnavailableError, match="nable to contact slurm controller"):
            engine.observe(second)
        with pytest.raises(UnavailableError):
            engine.launch(launch_of(tmp_path / "c", worker("true")))
    assert isinstance(wait_for_kind(engine, second, Running), Running)
    engine.end(second)
    assert exit_of(wait_for_kind(engine, second, Exited)) == (None, 15, True)


def test_an_ended_launch_needs_no_slurm(engine: WorkerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launch = launch_of(tmp_path, worker("true"))
    engine.launch(launch)
    wait_for_kind(engine, launch, Exited)
    monkeypatch.setenv("PATH", "")
    assert exit_of(engine.observe(launch)) == (0, None, False)


def test_a_launch_that_was_never_made_is_missing(engine: WorkerEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("true"))
    assert engine.observe(launch) == Missing()
    engine.end(launch)
    engine.remove(launch)


SETUP = """
set -eu
log=/nowhere attempt=/nowhere rank=7 command=x
echo from setup
export FROM_SETUP='a b'
function end { :; }
end <<< x
"""


def test_setup_lines_come_before_the_command(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(setup=SETUP)
    launch = launch_of(tmp_path, worker("sh", "-c", 'echo "$FROM_SETUP"'))
    engine.launch(launch)
    wait_for_kind(engine, launch, Exited)
    assert log_of(engine, launch) == "from setup\na b\n"


def test_a_setup_that_ends_at_an_error_is_the_trials_failure(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(setup="set -e\nmkdir /proc/none")
    launch = launch_of(tmp_path, worker("echo", "not reached"))
    engine.launch(launch)
    assert exit_of(wait_for_kind(engine, launch, Exited)) == (1, None, False)
    assert "/proc/none" in log_of(engine, launch)
    assert "not reached" not in log_of(engine, launch)


def test_a_container_command_wraps_the_trials(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(container=["echo", "--image={image}", "{output}"])
    launch = launch_of(tmp_path, worker("python", "a b", image="repo/app:1"))
    engine.launch(launch)
    wait_for_kind(engine, launch, Exited)
    assert log_of(engine, launch) == f"--image=repo/app:1 {tmp_path}/output python a b\n"


SPEC = 'echo "$CLUSTER_SPEC"; echo "$TF_CONFIG"; echo "$MASTER_ADDR:$MASTER_PORT $RANK $WORLD_SIZE"'


def test_workers_know_each_others_addresses(engine: WorkerEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("sh", "-c", SPEC), worker("sh", "-c", SPEC, pool=1, replica=0))
    engine.launch(launch)
    assert exit_of(wait_for_kind(engine, launch, Exited)) == (0, None, False)
    other = launch.folder.path / "workers/1-0/log.txt"
    logs = [log_of(engine, launch).splitlines(), other.read_text().splitlines()]
    specs = [json.loads(lines[0]) for lines in logs]
    assert specs[0]["cluster"] == specs[1]["cluster"]
    addresses = [specs[0]["cluster"][pool][0] for pool in ("workerpool0", "workerpool1")]
    assert len(set(addresses)) == 2
    assert [spec["task"]["type"] for spec in specs] == ["workerpool0", "workerpool1"]
    assert json.loads(logs[0][1])["cluster"] == {"chief": [addresses[0]], "worker": [addresses[1]]}
    masters = {line[2].split(" ")[0] for line in logs}
    assert len(masters) == 1
    assert masters.isdisjoint(addresses)
    assert [line[2].split(" ")[1:] for line in logs] == [["0", "2"], ["1", "2"]]


def test_all_workers_end_gracefully(engine: WorkerEngine, tmp_path: Path) -> None:
    slow = GRACEFUL.replace("sys.exit", "time.sleep(2); sys.exit")
    launch = launch_of(tmp_path, worker(*python(slow, "6")), worker(*python(GRACEFUL, "0"), pool=1), grace_s=30)
    engine.launch(launch)
    wait_for_log(engine, launch, "begun")
    other = launch.folder.log.parent / f"slurm-{launch.id}/0/log.1.txt"
    wait_until(lambda: other.exists() and "begun" in other.read_text())
    engine.end(launch)
    assert exit_of(wait_for_kind(engine, launch, Exited)) == (6, None, True)
    assert "terminated" in log_of(engine, launch)
    assert "terminated" in other.read_text()


def test_the_end_of_the_chief_ends_the_others(engine: WorkerEngine, tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("sleep", "1"), worker("sleep", "600", pool=1))
    engine.launch(launch)
    assert exit_of(wait_for_kind(engine, launch, Exited)) == (0, None, False)


def test_a_warning_signal_of_slurm_reaches_the_command(new_engine: NewEngine, tmp_path: Path) -> None:
    program = GRACEFUL.replace("SIGTERM", "SIGUSR1").replace("terminated", "warned")
    engine = new_engine(sbatch_options=["--signal=B:USR1@600"], time_limit_minutes=10)
    launch = launch_of(tmp_path, worker(*python(program, "0")), timeout_s=3600)
    engine.launch(launch)
    wait_for_log(engine, launch, "begun")
    # As Slurm does by itself near the time limit.
    subprocess.run(["scancel", "--batch", "--signal=USR1", job_id_of(launch)], check=True)
    assert exit_of(wait_for_kind(engine, launch, Exited)) == (0, None, False)
    assert "warned" in log_of(engine, launch)


SUM_OF_RANKS = """
import torch, torch.distributed as dist
dist.init_process_group("gloo")
ranks = torch.tensor([dist.get_rank()])
dist.all_reduce(ranks)
print(f"rank {dist.get_rank()} of {dist.get_world_size()}: {ranks.item()}", flush=True)
dist.barrier()  # a rank that exits before the other has read the sum would fail it
dist.destroy_process_group()
"""


def test_torchrun_joins_the_workers(new_engine: NewEngine, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "app.py").write_text(SUM_OF_RANKS)
    options = "--nnodes=$WORLD_SIZE --node-rank=$RANK --master-addr=$MASTER_ADDR --master-port=$MASTER_PORT"
    command = ("sh", "-c", f"torchrun --nproc-per-node=1 {options} {tmp_path}/app.py")
    launch = launch_of(tmp_path, worker(*command), worker(*command, pool=1))
    engine = new_engine(memory="2G")
    engine.launch(launch)
    assert exit_of(wait_for_kind(engine, launch, Exited)) == (0, None, False), log_of(engine, launch)
    assert "rank 0 of 2: 1" in log_of(engine, launch)


def test_a_worker_that_failed_is_named_with_its_log(engine: WorkerEngine, tmp_path: Path) -> None:
    sleeping = [worker("sleep", "600"), worker("sleep", "600", pool=1)]
    launch = launch_of(tmp_path, *sleeping, worker("sh", "-c", "echo 5; exit 5", pool=1, replica=1))
    engine.launch(launch)
    state = wait_for_kind(engine, launch, Exited)
    assert isinstance(state, Exited)
    log = launch.folder.path / "workers" / "1-1" / "log.txt"
    assert failure_reason(state.exit_status, 1) == f"its worker 1 of pool 1 exited with code 5; its log is {log}"
    engine.fetch(launch)
    assert log.read_text() == "5\n"


def test_a_run_that_slurm_starts_twice_is_interrupted(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(sbatch_options=["--begin=now+3"])
    launch = launch_of(tmp_path, worker("touch", str(tmp_path / "ran")))
    engine.launch(launch)
    first_copy = launch.folder.path / f"slurm-{launch.id}" / "0"
    first_copy.mkdir()
    (first_copy / "started").write_text("1700000000 n1\n")
    state = wait_for_kind(engine, launch, Interrupted, Exited)
    assert isinstance(state, Interrupted)
    assert state.cause is Interruption.REMOVED
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_may_not_be_shared_is_refused_for_all_trials_alike(tmp_path: Path) -> None:
    engine = make_engine({}, SERVICE_ID)
    messages = set()
    for trial in ("1", "2"):
        launch = launch_of(tmp_path, worker("true"))
        folder = TrialFolder(tmp_path / "trials" / trial)
        with pytest.raises(RefusedError) as caught:
            engine.launch(dataclasses.replace(launch, folder=folder, output_dir=tmp_path))
        messages.add(str(caught.value))
    (message,) = messages
    assert f"the folder {tmp_path}/trials is on a file system of type " in message
