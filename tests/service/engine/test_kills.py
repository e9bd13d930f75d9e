"""A study whose processes are killed at random: no answered state is lost, and no finished trial runs again.

`KILL_SEEDS=20 pytest tests/service/engine/test_kills.py` kills 200 times (`make kills`).
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from service.harness import Client, Document, events, is_running, job_document, parent_of, start, started, wait_until

SEEDS = int(os.environ.get("KILL_SEEDS", "1"))
KILLS = 10
TRIALS = 90
PARALLEL = 3
TERMINAL = {"SUCCEEDED", "INFEASIBLE"}
VICTIMS = ("service", "trial", "supervisor", "service and trial", "service and supervisor", "service and all groups")


class AnswerCheck:
    """Stores the answers of the service, and checks that each later answer is consistent with them."""

    def __init__(self, app: Path) -> None:
        self._app = app
        self._ended: dict[str, Document] = {}
        self._parameters: dict[str, Document] = {}
        self._starts: dict[str, int] = {}
        self._measured: dict[str, list[tuple[Document, str]]] = {}

    def check(self, job: Document) -> None:
        trials = {trial["id"]: trial for trial in job.get("trials", [])}
        starts = Counter(started(self._app))
        assert self._parameters.keys() <= trials.keys()
        for number, trial in trials.items():
            assert trial["parameters"] == self._parameters.setdefault(number, trial["parameters"])
            self._check_measurements(number, trial)
            if trial["state"] in TERMINAL:
                assert trial == self._ended.setdefault(number, trial)
                assert starts[number] == self._starts.setdefault(number, starts[number])
        assert self._ended.keys() <= {number for number, trial in trials.items() if trial["state"] in TERMINAL}

    def _check_measurements(self, number: str, trial: Document) -> None:
        """No measurement is lost, except those whose step a later attempt has reported again."""
        now, earlier = trial.get("measurements", []), trial.get("earlierMeasurementCount", 0)
        known, attempt = self._measured.setdefault(number, []), trial.get("startTime", "")
        replaced = [(measurement, seen) for measurement, seen in known if measurement not in now]
        assert {measurement["stepCount"] for measurement, _ in replaced} <= {
            measurement["stepCount"] for measurement in now
        }
        assert all(seen < attempt for _, seen in replaced)
        known[:] = [pair for pair in known if pair not in replaced]
        seen_before = [measurement for measurement, _ in known]
        for index, measurement in enumerate(now):
            if measurement not in seen_before:
                known.append((measurement, attempt if index >= earlier else ""))


def kill(pid: int, *, group: bool = False) -> None:
    with suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), signal.SIGKILL) if group else os.kill(pid, signal.SIGKILL)


def running_trials(app: Path) -> list[int]:
    """Return the pids of the trials that run now."""
    return [pid for event, _, pid in events(app) if event == "start" and is_running(pid)]


def supervisors_of(trials: list[int]) -> list[int]:
    found = []
    for pid in trials:
        with suppress(OSError):
            parent = parent_of(pid)
            if b"supervisor/__main__.py" in Path(f"/proc/{parent}/cmdline").read_bytes():
                found.append(parent)
    return found


def kill_victim(victim: str, service: int, app: Path, chance: random.Random) -> None:
    trials = running_trials(app)
    supervisors = supervisors_of(trials)
    if "service" in victim:
        kill(service)
    if "trial" in victim and trials:
        kill(chance.choice(trials))
    if "supervisor" in victim and supervisors:
        kill(chance.choice(supervisors))
    if "groups" in victim:
        for pid in supervisors:
            kill(pid, group=True)


def processes_of(app: Path) -> list[str]:
    """Return the pids of the processes whose command line contains the app's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and str(app).encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
    return found


@pytest.mark.parametrize("seed", range(SEEDS))
def test_kills_lose_no_answer_run_no_finished_trial_again_and_leave_nothing_running(
    studies: Path, app: Path, seed: int
) -> None:
    chance, answers = random.Random(seed), AnswerCheck(app)  # noqa: S311 - not for cryptography
    service = start(studies)
    try:
        with Client(service.url, studies, service.pid) as client:
            document = job_document(app, "slow-curve", trials=TRIALS, parallel=PARALLEL)
            name = client.create(document)
        for _ in range(KILLS):
            with Client(service.url, studies, service.pid) as client:
                for _ in range(3):
                    time.sleep(chance.uniform(0.02, 0.2))
                    answers.check(client.get(name))
            victim = chance.choice(VICTIMS)
            kill_victim(victim, service.pid, app, chance)
            if "service" in victim:
                wait_until(lambda pid=service.pid: not is_running(pid))
                service.stop()
                service = start(studies)
        with Client(service.url, studies, service.pid) as client:
            job = client.finished(name)
            answers.check(job)
    finally:
        service.stop()
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [trial["id"] for trial in job["trials"]] == [str(number) for number in range(1, TRIALS + 1)]
    assert len({trial["parameters"][0]["value"] for trial in job["trials"]}) == TRIALS
    assert all(trial["state"] in TERMINAL for trial in job["trials"])
    wait_until(lambda: not processes_of(app))
