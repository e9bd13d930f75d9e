"""Trials of a real service on GPUs that a fake `nvidia-smi` lists."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.devices.resource_options import ResourceOptions
from service.devices.fake_nvidia_smi import DIVIDED, FIRST, PLAIN, SECOND, SLICE_OF_SECOND, install
from service.harness import (
    is_running,
    job_document,
    pid_of,
    release,
    serving,
    start,
    started,
    wait_until,
)

ONE_A_GPU = ResourceOptions()


def gpu_of(app: Path, trial: str) -> str:
    return psutil.Process(pid_of(app, trial)).environ()["CUDA_VISIBLE_DEVICES"]


def test_each_trial_sees_its_own_gpu_and_the_next_one_waits(
    studies: Path, app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", monkeypatch, PLAIN)
    with serving(studies) as client:
        name = client.create(job_document(app, "gated", trials=4, parallel=4))
        wait_until(lambda: len(started(app)) == 2)
        assert {gpu_of(app, "1"), gpu_of(app, "2")} == {FIRST, SECOND}
        freed = gpu_of(app, "2")
        release(app, "2")
        wait_until(lambda: "3" in started(app))
        assert gpu_of(app, "3") == freed
        assert len(client.get(name)["trials"]) == 3
        release(app, "1", "3", "4")
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_slice_is_shared_by_the_requested_number_of_trials(
    studies: Path, app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", monkeypatch, DIVIDED)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", SLICE_OF_SECOND)
    with serving(studies, ResourceOptions(trials_per_gpu=2)) as client:
        name = client.create(job_document(app, "gated", trials=3, parallel=3))
        wait_until(lambda: len(started(app)) == 2)
        assert [gpu_of(app, trial) for trial in "12"] == [SLICE_OF_SECOND, SLICE_OF_SECOND]
        release(app, "1", "2", "3")
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"


def test_running_trials_keep_their_gpus_after_the_service_is_killed(
    studies: Path, app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", monkeypatch, PLAIN)
    with serving(studies) as client:
        name = client.create(job_document(app, "gated", trials=4, parallel=3))
        wait_until(lambda: len(started(app)) == 2)
        kept = gpu_of(app, "2")
        freed = gpu_of(app, "1")
        os.kill(client.service_pid, signal.SIGKILL)
        wait_until(lambda: not is_running(client.service_pid))
    with serving(studies) as client:
        release(app, "1")
        wait_until(lambda: "3" in started(app))
        assert (gpu_of(app, "2"), gpu_of(app, "3")) == (kept, freed)
        assert sorted(started(app)) == ["1", "2", "3"]
        release(app, "2", "3", "4")
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_jobs_own_cuda_visible_devices_is_kept(
    studies: Path, app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", monkeypatch, PLAIN)
    with serving(studies) as client:
        job = client.run(job_document(app, "who", env={"CUDA_VISIBLE_DEVICES": ""}))
        log = studies / "jobs" / job["name"].rpartition("/")[2] / "trials/1/log.txt"
        assert json.loads(log.read_text())["environ"]["CUDA_VISIBLE_DEVICES"] == ""


def test_trials_that_do_not_fit_on_the_gpus_are_refused_before_the_service_listens(
    studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", monkeypatch, PLAIN)
    with pytest.raises(UserError, match=f"of GPU {SECOND} .*; --trials-per-gpu 3 fits"):
        start(studies, resources=ResourceOptions(trials_per_gpu=4, gpu_memory_bytes=10 << 30))


def test_a_cancelled_job_that_waits_for_a_slot_ends_at_once(studies: Path, tmp_path: Path) -> None:
    running, waiting = tmp_path / "running", tmp_path / "waiting"
    with serving(studies, ResourceOptions(max_parallel=1)) as client:
        first = client.create(job_document(running, "gated"))
        wait_until(lambda: started(running) == ["1"])
        second = client.create(job_document(waiting, "gated"))
        client.cancel(second)
        job = client.finished(second)
        assert (job["state"], job.get("trials", [])) == ("JOB_STATE_CANCELLED", [])
        release(running, "1")
        assert client.finished(first)["state"] == "JOB_STATE_SUCCEEDED"


def test_jobs_share_the_slots_fairly(studies: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    a, b, c = folders
    with serving(studies, ResourceOptions(max_parallel=3)) as client:
        names = [client.create(job_document(a, "gated", trials=6, parallel=6))]
        wait_until(lambda: len(started(a)) == 3)
        names += [client.create(job_document(folder, "gated", trials=6, parallel=6)) for folder in (b, c)]
        release(a, "1")
        wait_until(lambda: len(started(b)) == 1)
        release(a, "2")
        wait_until(lambda: len(started(c)) == 1)
        assert [len(started(folder)) for folder in folders] == [3, 1, 1]
        release(b, "1")
        wait_until(lambda: len(started(b)) == 2)
        assert [len(started(folder)) for folder in folders] == [3, 2, 1]
        for folder in folders:
            release(folder, *"123456")
        assert {client.finished(name)["state"] for name in names} == {"JOB_STATE_SUCCEEDED"}


def test_the_trials_of_a_stopped_service_wait_for_slots_in_the_next_one(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated", trials=3, parallel=3))
        wait_until(lambda: len(started(app)) == 3)
    with serving(studies, ResourceOptions(max_parallel=1)) as client:
        wait_until(lambda: len(started(app)) == 4)
        states = [trial["state"] for trial in client.get(name)["trials"]]
        assert sorted(states) == ["ACTIVE", "REQUESTED", "REQUESTED"]
        release(app, "1", "2", "3")
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"
    assert len(started(app)) == 6


def test_a_trial_that_uses_too_much_memory_is_killed_and_its_reason_says_so(studies: Path, tmp_path: Path) -> None:
    document = job_document(tmp_path / "app", "report")
    container = document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    container["command"] = [*container["command"][:3], "-c", "import time; x = bytearray(300 << 20); time.sleep(60)"]
    with serving(studies, ResourceOptions(memory_bytes=100 << 20)) as client:
        (trial,) = client.run(document)["trials"]
    assert trial["state"] == "INFEASIBLE"
    assert trial["infeasibleReason"].startswith("killed when it used 0.")
    assert trial["infeasibleReason"].endswith("GiB of memory, more than --trial-memory allows")
