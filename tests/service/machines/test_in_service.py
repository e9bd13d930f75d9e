"""The use of the machines of trials, over the REST API of a service."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job.machine_use import MachineUse, parse_machine_use
from service.harness import Client, Document, job_document, kill_service, serving, wait_until

BUSY = """
import subprocess, sys, time
held = b"x" * (60 << 20)
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
from pathlib import Path
folder = Path(sys.argv[1])
while not (folder / "go").exists():
    time.sleep(0.05)
child.kill()
child.wait()
"""


def busy_job(app: Path, **changes: Any) -> Document:
    document = job_document(app, "", **changes)
    container = document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    container["command"] = [sys.executable, "-c", BUSY, str(app)]
    container["args"] = []
    return document


def use_of(client: Client, name: str, points: str = "") -> MachineUse:
    answer = client.http.get(f"{name}:machineUse{points}")
    assert answer.status_code == 200, answer.text
    return parse_machine_use(answer.json())


def points_of(client: Client, name: str) -> int:
    return min((len(curve.time_s) for curves in use_of(client, name).values() for curve in curves), default=0)


def test_a_trial_is_measured_while_it_runs_and_on_after_a_kill_of_the_service(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(busy_job(app))
        wait_until(lambda: points_of(client, name) >= 1)
        kill_service(client)
    with serving(studies) as client:
        before = use_of(client, name)["1"][0]
        wait_until(lambda: points_of(client, name) > len(before.time_s))
        (app / "go").touch()
        client.finished(name)
        (after,) = use_of(client, name)["1"]
        (thin,) = use_of(client, name, "?points=1")["1"]
    assert after.start == before.start
    assert after.time_s[: len(before.time_s)] == before.time_s
    assert after.missing == ""
    assert max(value or 0 for value in after.cpu) > 0.05
    assert (after.memory_peak_bytes or 0) > 60 << 20
    assert set(after.gpu) == {None}
    assert len(thin.time_s) == 1


def test_trials_of_several_workers_are_measured_by_worker(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        document = busy_job(app)
        pool = document["trialJobSpec"]["workerPoolSpecs"][0]
        document["trialJobSpec"]["workerPoolSpecs"] = [pool, pool]
        name = client.create(document)
        wait_until(lambda: points_of(client, name) >= 1 and len(use_of(client, name)["1"]) == 2)
        (app / "go").touch()
        client.finished(name)
        workers = [curve.worker for curve in use_of(client, name)["1"]]
    assert workers == ["workerpool0-0", "workerpool1-0"]


NVIDIA_SMI = """#!/bin/sh
cat <<END
<nvidia_smi_log><gpu><product_name>T</product_name><uuid>GPU-a</uuid></gpu>
<gpu><product_name>T</product_name><uuid>GPU-b</uuid></gpu></nvidia_smi_log>
END
"""


def test_each_trial_has_the_gpu_of_its_slot(
    studies: Path, app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "nvidia-smi").write_text(NVIDIA_SMI)
    (programs / "nvidia-smi").chmod(0o755)
    gpus = [{"uuid": f"GPU-{name}", "used": used, "total": 100, "gpu": used} for name, used in (("a", 10), ("b", 90))]
    (tmp_path / "nvml.json").write_text(json.dumps({"gpus": gpus}))
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "nvml"))
    monkeypatch.setenv("FAKE_NVML", str(tmp_path / "nvml.json"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with serving(studies) as client:
        name = client.create(busy_job(app, trials=2, parallel=2))
        wait_until(lambda: len(use_of(client, name)) == 2 and points_of(client, name) >= 1)
        (app / "go").touch()
        client.finished(name)
        use = use_of(client, name)
    assert sorted((curve.gpu[0] or 0, curve.gpu_memory_bytes[0] or 0) for (curve,) in use.values()) == [
        (0.1, 10),
        (0.9, 90),
    ]
    assert {(curve.gpus, curve.gpu_memory_limit_bytes, curve.missing) for (curve,) in use.values()} == {(1, 100, "")}


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("hyperparameterTuningJobs/1:machineUse", 404, "is not found"),
        ("hyperparameterTuningJobs/1:machineUse?points=0", 404, "is not found"),
        ("customJobs/1:machineUse", 404, "is not found"),
    ],
)
def test_a_job_that_does_not_exist_is_not_found(client: Client, path: str, status: int, message: str) -> None:
    answer = client.http.get(f"projects/p/locations/l/{path}")
    assert answer.status_code == status
    assert message in answer.text


@pytest.mark.parametrize("points", ["0", "x", "-1", "1.5", "1000000"])
def test_a_wrong_number_of_points_is_refused(client: Client, app: Path, points: str) -> None:
    job = client.run(job_document(app, "report"))
    answer = client.http.get(f"{job['name']}:machineUse?points={points}")
    assert answer.status_code == 400
    assert "points: expected a number from 1 to 999999" in answer.text
    assert client.http.get(f"{job['name']}:machineUse?trial=1").status_code == 400
