"""What a container uses, from a document of the engine's statistics."""

from __future__ import annotations

import pytest

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.trials.engines.docker.usage import ELSEWHERE, gpus_of, reading_of

STATS: JsonObject = {
    "read": "2026-01-31T12:00:00.123456789Z",
    "preread": "0001-01-01T00:00:00Z",
    "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000, "usage_in_usermode": 1}, "online_cpus": 8},
    "memory_stats": {"usage": 300, "limit": 1000, "stats": {"inactive_file": 100, "active_file": 50}},
}


def test_statistics_become_seconds_of_cpu_and_memory_without_the_cache() -> None:
    reading = reading_of("workerpool0-0", "abc", STATS, cpus=None)
    assert reading is not None
    assert (reading.cpu_s, reading.origin, reading.cpus) == (2.5, "abc", 8.0)
    assert (reading.memory_bytes, reading.memory_limit_bytes) == (200, 1000)


def test_the_limit_of_the_container_is_its_number_of_cores_and_version_1_has_another_name_of_the_cache() -> None:
    stats: JsonObject = {**STATS, "memory_stats": {"usage": 300, "stats": {"total_inactive_file": 50}}}
    reading = reading_of("workerpool0-0", "abc", stats, cpus=1.5)
    assert reading is not None
    assert (reading.cpus, reading.memory_bytes, reading.memory_limit_bytes) == (1.5, 250, None)


@pytest.mark.parametrize(
    "stats", [{}, {"cpu_stats": {}, "memory_stats": {}}, {**STATS, "memory_stats": {}}, {**STATS, "cpu_stats": 1}]
)
def test_a_container_that_does_not_run_has_no_reading(stats: JsonObject) -> None:
    assert reading_of("workerpool0-0", "abc", stats, cpus=None) is None


def test_gpus_of_another_machine_say_so() -> None:
    assert gpus_of("", is_here=False).missing == ""
    found = gpus_of("GPU-a,GPU-b", is_here=False)
    assert (found.gpus, found.missing) == (2, ELSEWHERE)
