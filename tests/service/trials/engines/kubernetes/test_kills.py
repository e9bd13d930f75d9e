"""A study on Kubernetes whose service, Pods, Jobs, processes and API server are killed at random.

`KILL_SEEDS=10 pytest tests/service/trials/engines/kubernetes/test_kills.py` kills 60 times. `KUBE_KILL_API` is a
command that kills the API server and starts it again on its port; without it, the API server is left alone.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from service.engine.test_kills import SEEDS, kill, running_trials
from service.harness import FAKE_APP, Document, job_document
from service.trials.engines.killed_study import PARALLEL, TRIALS, KilledStudy, require_all_trials
from service.trials.engines.kubernetes.kube_cluster import PROCESS_NODES, Namespace, until

KILL_API = os.environ.get("KUBE_KILL_API", "")
VICTIMS = ("service", "pod", "job", "process", "service and pod", "service and job", *(["api"] if KILL_API else []))


def batch(namespace: Namespace) -> Any:
    from kubernetes import client

    return client.BatchV1Api(namespace.api.api_client)


def kill_victim(victim: str, service: int, namespace: Namespace, app: Path, chance: random.Random) -> None:
    if "service" in victim:
        kill(service)
    if "pod" in victim and (pods := namespace.api.list_namespaced_pod(namespace.name).items):
        delete(namespace.api.delete_namespaced_pod, chance.choice(pods), namespace, grace_period_seconds=0)
    if "job" in victim and (jobs := batch(namespace).list_namespaced_job(namespace.name).items):
        delete(batch(namespace).delete_namespaced_job, chance.choice(jobs), namespace, propagation_policy="Background")
    if "process" in victim and (trials := running_trials(app)):
        kill(chance.choice(trials))
    if "api" in victim:
        subprocess.run(shlex.split(KILL_API), check=True, timeout=120)


def delete(act: Any, item: Any, namespace: Namespace, **how: Any) -> None:
    from kubernetes.client import ApiException

    with suppress(ApiException):  # it has ended meanwhile
        act(item.metadata.name, namespace.name, **how)


def study(app: Path) -> Document:
    """Return a job whose trials report by hydra-trial, as a cluster needs it, and run on for a while."""
    document: Document = job_document(app, "slow-curve", trials=TRIALS, parallel=PARALLEL)
    trial = [str(Path(sys.executable).with_name("hydra-trial")), "--metric", "loss", "--untyped", "--"]
    run = ["sh", "-c", f'{sys.executable} {FAKE_APP} {app} slow-curve; code=$?; sleep 2; exit "$code"']
    container = {"imageUri": "localhost/none", "command": [*trial, *run]}
    document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"] = container
    return document


@pytest.mark.parametrize("seed", range(SEEDS))
def test_kills_lose_no_trial_run_none_again_and_leave_nothing(
    namespace: Namespace, process_nodes: list[str], studies: Path, app: Path, seed: int
) -> None:
    settings = {"namespace": namespace.name, "podTemplate": {"spec": {"affinity": PROCESS_NODES}}}
    options = ("--engine=kubernetes", f"--engine-settings={json.dumps(settings)}")
    killed = KilledStudy(
        studies, app, options, VICTIMS, lambda victim, pid, chance: kill_victim(victim, pid, namespace, app, chance)
    )

    job = killed.run(study(app), seed)

    require_all_trials(job, killed.killed, fatal="process")
    until(lambda: not namespace.api.list_namespaced_pod(namespace.name).items)
    until(lambda: not batch(namespace).list_namespaced_job(namespace.name).items)
