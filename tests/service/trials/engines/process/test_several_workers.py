"""Trials of several workers on this machine, through the service."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from service.harness import Client, Document, is_running, job_document, kill_service, serving, wait_until

WORKER = Path(__file__).with_name("fake_worker.py")


def job_of(folder: Path, behaviour: str, replicas: tuple[int, ...] = (1, 2), **changes: Any) -> Document:
    document = job_document(folder, "unused", **changes)
    container = {"imageUri": "local", "command": [sys.executable, str(WORKER)], "args": [str(folder), behaviour]}
    pool = {"machineSpec": {"machineType": "local"}, "containerSpec": container}
    document["trialJobSpec"]["workerPoolSpecs"] = [
        {**pool, "replicaCount": str(count)} if count else {} for count in replicas
    ]
    return document


def seen(folder: Path, trial: str = "1") -> dict[str, Document]:
    files = sorted(folder.glob(f"{trial}-*.json"))
    return {file.stem.partition("-")[2]: json.loads(file.read_text()) for file in files}


def test_every_worker_gets_the_same_parameters_and_its_own_place(client: Client, app: Path) -> None:
    job = client.run(job_of(app, "report"))
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    workers = seen(app)
    assert list(workers) == ["0-0", "1-0", "1-1"]
    (arguments,) = {tuple(worker["arguments"]) for worker in workers.values()}
    assert arguments[0].startswith("--x=")
    environs = [worker["environ"] for worker in workers.values()]
    assert [environ["RANK"] for environ in environs] == ["0", "1", "2"]
    clusters = [json.loads(environ["CLUSTER_SPEC"]) for environ in environs]
    assert clusters[0]["cluster"] == clusters[1]["cluster"] == clusters[2]["cluster"]
    assert {name: len(hosts) for name, hosts in clusters[0]["cluster"].items()} == {"workerpool0": 1, "workerpool1": 2}
    assert [json.loads(environ["TF_CONFIG"])["task"] for environ in environs] == [
        {"type": "chief", "index": 0},
        {"type": "worker", "index": 0},
        {"type": "worker", "index": 1},
    ]


@pytest.mark.parametrize(
    ("replicas", "places"), [((2,), ["0-0", "0-1"]), ((1, 0, 1), ["0-0", "2-0"]), ((1, 1, 1, 1), None)]
)
def test_the_pools_of_a_job_are_started_as_the_api_counts_them(
    client: Client, app: Path, replicas: tuple[int, ...], places: list[str] | None
) -> None:
    assert client.run(job_of(app, "report", replicas))["state"] == "JOB_STATE_SUCCEEDED"
    assert list(seen(app)) == (places or ["0-0", "1-0", "2-0", "3-0"])


def test_a_trial_has_one_report_whichever_worker_makes_it(client: Client, app: Path) -> None:
    (trial,) = client.run(job_of(app, "last-reports"))["trials"]
    assert trial["finalMeasurement"]["metrics"] == [{"metricId": "loss", "value": 7.0}]


def test_a_worker_that_fails_ends_its_trial_and_is_named(client: Client, app: Path) -> None:
    (trial,) = client.run(job_of(app, "last-fails"))["trials"]
    assert trial["state"] == "INFEASIBLE"
    reason = trial["infeasibleReason"]
    assert reason.startswith("its worker 1 of pool 1 exited with code 4; its log is ")
    assert Path(reason.split("its log is ")[1].split("\n")[0]).read_text() == "no more memory\n"
    assert not any(is_running(worker["pid"]) for worker in seen(app).values())


def test_a_cancelled_job_ends_every_worker(client: Client, app: Path) -> None:
    name = client.create(job_of(app, "gated"))
    wait_until(lambda: len(seen(app)) == 3)
    client.cancel(name)
    assert client.finished(name)["state"] == "JOB_STATE_CANCELLED"
    assert not any(is_running(worker["pid"]) for worker in seen(app).values())


def test_a_service_that_was_killed_finds_the_workers_again(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_of(app, "gated", trials=2, parallel=1))
        wait_until(lambda: len(seen(app)) == 3)
        kill_service(client)
    first = {place: worker["pid"] for place, worker in seen(app).items()}
    with serving(studies) as client:
        assert all(is_running(pid) for pid in first.values())
        (app / "go-1").touch()
        (app / "go-2").touch()
        job = client.finished(name)
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert {place: worker["pid"] for place, worker in seen(app).items()} == first


def test_a_trial_that_lost_a_supervisor_runs_again(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_of(app, "gated"))
        wait_until(lambda: len(seen(app)) == 3)
        lost = seen(app)["1-1"]["pid"]
        os.kill(int(Path(f"/proc/{lost}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
        wait_until(lambda: len(seen(app)) == 3 and seen(app)["1-1"]["pid"] != lost, 60)
        assert not is_running(lost)
        (app / "go-1").touch()
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"


TORCH_APP = """
    import hydra, torch, torch.distributed as dist

    @hydra.main(config_path=None, config_name=None, version_base=None)
    def main(config):
        dist.init_process_group("gloo")
        total = torch.tensor(float(config.x))
        dist.all_reduce(total)
        rank = dist.get_rank()
        dist.destroy_process_group()
        return float(total) + 1000 * rank

    main()
    """


LIGHTNING_APP = """
    import hydra, torch, lightning as L
    from torch.utils.data import DataLoader, TensorDataset

    class Model(L.LightningModule):
        def __init__(self, x):
            super().__init__()
            self.x, self.layer = x, torch.nn.Linear(1, 1)

        def training_step(self, batch, index):
            return self.layer(batch[0]).sum()

        def on_train_end(self):
            self.total = self.all_gather(torch.tensor(float(self.x))).sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    @hydra.main(config_path=None, config_name=None, version_base=None)
    def main(config):
        model = Model(config.x)
        trainer = L.Trainer(
            accelerator="cpu", devices=1, num_nodes=3, strategy="ddp", max_steps=1, logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )
        trainer.fit(model, DataLoader(TensorDataset(torch.ones(6, 1))))
        return float(model.total) + 1000 * trainer.global_rank

    main()
    """


@pytest.mark.parametrize(("module", "code"), [("torch", TORCH_APP), ("lightning", LIGHTNING_APP)])
def test_ranks_find_each_other_and_rank_0_reports(client: Client, app: Path, module: str, code: str) -> None:
    pytest.importorskip(module)
    from textwrap import dedent

    document = job_of(app, "unused")
    (app / "train.py").write_text(dedent(code))
    program = str(Path(sys.executable).parent / "hydra-trial")
    for pool in document["trialJobSpec"]["workerPoolSpecs"]:
        pool["containerSpec"] |= {
            "command": [program, "--metric", "loss", "--", sys.executable, str(app / "train.py"), "+x=0.5"],
            "args": [],
        }
    name = client.create(document)
    wait_until(lambda: client.get(name)["state"] in {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED"}, 120)
    (trial,) = client.get(name)["trials"]
    assert trial["state"] == "SUCCEEDED", trial["infeasibleReason"]
    ((parameter,), (metric,)) = trial["parameters"], trial["finalMeasurement"]["metrics"]
    assert metric["value"] == pytest.approx(3 * parameter["value"])
