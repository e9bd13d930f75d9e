"""The allocation of slots to jobs, and of GPUs to slots."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.service.devices.capacity import Capacity
from hydra_vertex.service.devices.resource_options import ResourceOptions
from hydra_vertex.service.devices.slots import Request, Slot, Slots, next_in_line

TWO_GPUS = Capacity(("g0", "g1"), ResourceOptions(trials_per_gpu=2))


def in_a_loop(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(test())


@pytest.mark.parametrize(
    ("waiting", "running", "chosen"),
    [
        ([(1, "a")], {}, "a"),
        ([(1, "a"), (2, "b")], {}, "a"),
        ([(1, "a"), (2, "b")], {"a": 1}, "b"),
        ([(1, "a"), (2, "b"), (3, "c")], {"a": 2, "b": 1, "c": 1}, "b"),
        ([(2, "b"), (1, "a")], {"a": 3, "b": 3}, "a"),
    ],
)
def test_a_slot_goes_to_the_job_with_the_fewest_and_then_to_the_oldest_request(
    waiting: list[tuple[int, str]], running: dict[str, int], chosen: str
) -> None:
    assert next_in_line([Request(*request) for request in waiting], running).job_id == chosen


def test_trials_are_spread_over_the_gpus_and_the_next_one_waits() -> None:
    async def scenario() -> None:
        slots = Slots(TWO_GPUS)
        given_out = [slots.request("a") for _ in range(5)]
        assert [request.result().gpu for request in given_out[:4]] == ["g0", "g1", "g0", "g1"]
        assert not given_out[4].done()
        slots.release(Slot("a", "g1"))
        assert given_out[4].result() == Slot("a", "g1")

    in_a_loop(scenario)


def test_the_limit_of_the_service_applies_too() -> None:
    async def scenario() -> None:
        slots = Slots(Capacity(("g0", "g1"), ResourceOptions(max_parallel=1)))
        first, second = slots.request("a"), slots.request("a")
        assert (first.done(), second.done()) == (True, False)

    in_a_loop(scenario)


def test_without_limits_every_request_is_granted_at_once() -> None:
    async def scenario() -> None:
        slots = Slots(Capacity())
        assert all(slots.request("a").done() for _ in range(200))

    in_a_loop(scenario)


def test_a_trial_that_already_runs_gets_a_slot_even_if_none_is_free() -> None:
    async def scenario() -> None:
        slots = Slots(Capacity(("g0",)))
        first = slots.take("a", "g0")
        second = slots.take("a", "g-removed")
        assert (first.gpu, second.gpu) == ("g0", "g0")
        waiting = slots.request("b")
        slots.release(first)
        assert not waiting.done()
        slots.release(second)
        assert waiting.result() == Slot("b", "g0")

    in_a_loop(scenario)


@pytest.mark.parametrize("granted", [True, False])
def test_a_withdrawn_request_does_not_block_the_others(granted: bool) -> None:
    async def scenario() -> None:
        slots = Slots(Capacity(options=ResourceOptions(max_parallel=1)))
        running = None if granted else slots.take("z", None)
        leaving, staying = slots.request("a"), slots.request("b")
        slots.withdraw(leaving)
        if running is not None:
            slots.release(running)
        assert staying.result() == Slot("b", None)

    in_a_loop(scenario)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["request", "release", "withdraw"])), max_size=60))
def test_no_gpu_has_too_many_trials_and_no_slot_stays_free_while_a_request_waits(steps: list[tuple[str, str]]) -> None:
    async def scenario() -> None:
        slots = Slots(TWO_GPUS)
        requests: list[asyncio.Future[Slot]] = []
        for job, action in steps:
            if action == "request":
                requests.append(slots.request(job))
            elif action == "release" and (held := [request for request in requests if request.done()]):
                requests.remove(held[0])
                slots.release(held[0].result())
            elif action == "withdraw" and requests:
                slots.withdraw(requests.pop())
            load = Counter(request.result().gpu for request in requests if request.done())
            assert all(count <= 2 for count in load.values())
            assert sum(load.values()) == min(4, len(requests))

    in_a_loop(scenario)
