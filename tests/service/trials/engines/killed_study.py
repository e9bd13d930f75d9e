"""A study of an engine during which its service, its workers and its cluster are killed at random moments."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra_vertex.service.start import ServiceProcess
from service.engine.test_kills import TERMINAL, AnswerCheck
from service.harness import Client, Document, is_running, start, wait_until

KILLS = 6
TRIALS = 12
PARALLEL = 4
_ENDED = {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"}
_LIMIT_S = 240


@dataclass
class KilledStudy:
    """`kill_victim(victim, service pid, chance)` kills; a victim whose name has `service` is the service too."""

    studies: Path
    app: Path
    options: tuple[str, ...]
    victims: Sequence[str]
    kill_victim: Callable[[str, int, random.Random], None]
    killed: list[str] = field(default_factory=list)

    def run(self, document: Document, seed: int) -> Document:
        """Run the study with KILLS kills. Return the job; what a service has answered once may not change."""
        chance, answers = random.Random(seed), AnswerCheck(self.app)  # noqa: S311 - not for cryptography
        service = start(self.studies, *self.options)
        try:
            with self._client(service) as client:
                name = client.create(document)
            for _ in range(KILLS):
                self._look(service, name, answers, chance)
                service = self._kill(service, chance)
            with self._client(service) as client:
                wait_until(lambda: client.get(name)["state"] in _ENDED, limit_s=_LIMIT_S)
                job = client.get(name)
            answers.check(job)
        finally:
            service.stop()
        return job

    def _client(self, service: ServiceProcess) -> Client:
        return Client(service.url, self.studies, service.pid)

    def _look(self, service: ServiceProcess, name: str, answers: AnswerCheck, chance: random.Random) -> None:
        with self._client(service) as client:
            for _ in range(3):
                time.sleep(chance.uniform(0.1, 0.8))
                answers.check(client.get(name))

    def _kill(self, service: ServiceProcess, chance: random.Random) -> ServiceProcess:
        """Kill a victim. Return the service that runs then."""
        self.killed.append(chance.choice(self.victims))
        self.kill_victim(self.killed[-1], service.pid, chance)
        if "service" not in self.killed[-1]:
            return service
        wait_until(lambda: not is_running(service.pid))
        service.stop()
        return start(self.studies, *self.options)


def require_all_trials(job: Document, killed: Sequence[str], fatal: str) -> None:
    """Check that every trial ended, once. Only kills of a `fatal` victim, the trial's own process, may fail one."""
    assert job["state"] == "JOB_STATE_SUCCEEDED", (killed, job.get("error"))
    assert [trial["id"] for trial in job["trials"]] == [str(number) for number in range(1, TRIALS + 1)]
    assert all(trial["state"] in TERMINAL for trial in job["trials"])
    failed = [trial["infeasibleReason"] for trial in job["trials"] if trial["state"] == "INFEASIBLE"]
    assert len(failed) <= sum(fatal in victim for victim in killed), (killed, failed)
