"""A study on Slurm whose service, jobs, nodes and controller are killed at random.

`KILL_SEEDS=10 pytest tests/service/trials/engines/slurm/test_kills.py` kills 60 times.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from service.engine.test_kills import SEEDS, kill, running_trials
from service.harness import Document, job_document, wait_until
from service.trials.engines.killed_study import PARALLEL, TRIALS, KilledStudy, require_all_trials
from service.trials.engines.slurm.cluster import Controller, needs_cluster, node_down, wait_for_nodes

pytestmark = needs_cluster

VICTIMS = ("service", "job", "node", "controller", "trial", "service and job", "service and node")


def jobs_of(studies: Path) -> list[str]:
    """Return the ids of the waiting and running jobs of a service."""
    listing = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%i %T %j"], capture_output=True, check=True, text=True, timeout=30
    ).stdout
    # A controller that was killed takes jobs that have ended for running, until their nodes register again.
    launches = (folder for folder in studies.glob("jobs/*/trials/*/slurm-*") if not list(folder.glob("*/exit")))
    names = {folder.name.removeprefix("slurm-") for folder in launches}
    rows = [line.split() for line in listing.splitlines()]
    return [job_id for job_id, state, name in rows if state != "COMPLETING" and name in names]


def kill_victim(victim: str, service: int, studies: Path, app: Path, chance: random.Random) -> None:
    if "service" in victim:
        kill(service)
    if "job" in victim and (jobs := jobs_of(studies)):
        subprocess.run(["scancel", chance.choice(jobs)], check=True, timeout=30)
    if "trial" in victim and (trials := running_trials(app)):
        kill(chance.choice(trials))
    if "node" in victim:
        with node_down(chance.choice(("n1", "n2", "n3"))):
            time.sleep(chance.uniform(0.1, 1.0))
        wait_for_nodes()
    if "controller" in victim:
        controller = Controller()
        controller.stop(signal.SIGKILL)
        time.sleep(chance.uniform(0.1, 1.0))
        controller.start()
        wait_for_nodes()


def study(app: Path) -> Document:
    """Return a job whose trials run on for a while after their reports."""
    document = job_document(app, "slow-curve", trials=TRIALS, parallel=PARALLEL)
    container = document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    container["command"] = ["sh", "-c", '"$0" "$@"; code=$?; sleep 2; exit $code', *container["command"]]
    return document


@pytest.mark.parametrize("seed", range(SEEDS))
def test_kills_lose_no_trial_run_none_again_and_leave_no_job(studies: Path, app: Path, seed: int) -> None:
    settings = {"shared_folder": str(studies.parent), "folder_delay_s": 1}
    options = ("--engine=slurm", f"--engine-settings={json.dumps(settings)}")
    killed = KilledStudy(
        studies, app, options, VICTIMS, lambda victim, pid, chance: kill_victim(victim, pid, studies, app, chance)
    )

    job = killed.run(study(app), seed)

    wait_until(lambda: not jobs_of(studies), limit_s=60)
    require_all_trials(job, killed.killed, fatal="trial")
