"""The example of a study on Slurm, whose command is killed in the middle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from service.harness import wait_until
from service.trials.engines.slurm.cluster import needs_cluster

pytestmark = needs_cluster

PROGRAM = (sys.executable, "-m", "hydra_vertex.cli.main")


def command(out: Path, shared: Path) -> list[str]:
    engine = ("--engine", "slurm", "--engine-config", "slurm.yaml", "--engine-set", f"shared_folder={shared}")
    study = ("--search", "search.yaml", "--trial-timeout", "10m", "--seed", "1", "--out", str(out))
    return [*PROGRAM, "run", *engine, *study, "--", "python", "train.py", "seconds_per_step=0.3"]


def test_the_study_goes_on_after_its_processes_were_killed(tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(ROOT / "examples" / "slurm", app)
    out = tmp_path / "out"
    with (tmp_path / "first.log").open("wb") as log:
        first = subprocess.Popen(command(out, tmp_path), cwd=app, stdout=log, stderr=log, start_new_session=True)
        wait_until(lambda: list(out.glob("studies/jobs/*/trials/4/slurm-*/0/started")), 90)
        # As when the machine crashes: a service that outlives its command would end the trials.
        os.kill(json.loads((out / "studies" / "service.json").read_text())["pid"], signal.SIGKILL)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    again = subprocess.run(command(out, tmp_path), cwd=app, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0, again.stderr
    assert "the engine slurm runs the trials; the retraining is on this machine" in again.stderr
    job = json.loads((out / "job.json").read_text())
    assert [trial["state"] for trial in job["trials"]] == ["SUCCEEDED"] * 8
    launches = list(out.glob("studies/jobs/*/trials/*/slurm-*"))
    assert len(launches) == 8
    assert (out / "best.yaml").exists()
    # Each trial ran once, from its first step, and has its whole curve.
    steps = [[m["stepCount"] for m in trial["measurements"]] for trial in job["trials"]]
    assert steps == [[str(step) for step in range(1, 11)]] * 8
    queue = subprocess.run(["squeue", "--me", "--noheader", "--format=%j"], capture_output=True, text=True, check=True)
    assert not {launch.name.removeprefix("slurm-") for launch in launches} & set(queue.stdout.split())
