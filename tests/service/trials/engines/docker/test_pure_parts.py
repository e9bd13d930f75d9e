"""Which worker determines the end, which GPUs a launch gets, and which user its containers have."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from hydra_vertex.service.trials.engines.docker.folders import ContainerUser, container_user
from hydra_vertex.service.trials.engines.docker.gpu_choice import free_devices, split
from hydra_vertex.service.trials.engines.docker.inspection import Container
from hydra_vertex.service.trials.engines.docker.verdict import decisive, is_stopped

START = datetime(2026, 11, 26, 18, tzinfo=timezone.utc)
RUNS = Container(is_running=True, exit_code=0, started=START)
CREATED = Container(is_running=False, exit_code=0)


def ended(code: int, minute: float = 1.0) -> Container:
    return Container(False, code, started=START, finished=START + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([RUNS], None),
        ([CREATED, RUNS], None),
        ([ended(0)], 0),
        ([ended(1)], 0),
        ([RUNS, ended(0)], None),
        ([RUNS, ended(0), ended(2)], 2),
        ([ended(0, 1), ended(143, 2)], 0),
        ([ended(143, 2), ended(1, 1)], 1),
        ([ended(0, 3), ended(0, 1), ended(4, 2)], 2),
        ([RUNS, ended(5, 2), ended(4, 1)], 2),
    ],
)
def test_the_first_failure_or_the_chief_s_end_decides(containers: list[Container], expected: int | None) -> None:
    assert decisive(containers) == expected


@pytest.mark.parametrize(("minute", "expected"), [(None, False), (0.5, True), (1.0, True), (1.5, False)])
def test_only_a_request_before_the_end_counts(minute: float | None, expected: bool) -> None:
    requested = None if minute is None else START + timedelta(minutes=minute)

    assert is_stopped(ended(143), requested) is expected


def test_gpus_of_containers_are_not_given_again() -> None:
    assert free_devices(("0", "1", "2", "3"), ["1", "3,9"]) == ("0", "2")
    assert split(("0", "2", "5"), [1, 2]) == (("0",), ("2", "5"))
    assert split(("0", "2", "5"), [0, 1]) == ((), ("0",))
    assert split(("0",), [1, 1]) is None


@pytest.mark.parametrize(
    ("given", "service", "security", "expected"),
    [
        (None, (1001, 1002), [], ContainerUser("1001:1002")),
        (None, (0, 0), [], ContainerUser("1000:1000", owner=(1000, 1000))),
        ((5, 6), (0, 0), [], ContainerUser("5:6", owner=(5, 6))),
        ((5, None), (0, 0), [], ContainerUser("5:5", owner=(5, 5))),
        ((0, 0), (0, 0), [], ContainerUser("0:0")),
        ((5, None), (1001, 1001), [], ContainerUser("5:5", is_foreign=True)),
        ((1001, 7), (1001, 1001), [], ContainerUser("1001:7")),
        (None, (1001, 1001), ["name=seccomp,profile=default", "name=rootless"], ContainerUser("0:0")),
        ((5, 5), (1001, 1001), ["name=rootless"], ContainerUser("5:5", is_foreign=True)),
        (None, (0, 0), ["name=userns"], ContainerUser("1000:1000", is_foreign=True)),
        (None, (1001, 1001), ["name=userns"], ContainerUser("1001:1001", is_foreign=True)),
    ],
)
def test_a_container_runs_as_the_service_s_user_or_as_an_ordinary_one(
    given: tuple[int, int | None] | None, service: tuple[int, int], security: list[str], expected: ContainerUser
) -> None:
    assert container_user(given, service, security) == expected
