"""The choice of an engine, and the options that apply to it."""

from __future__ import annotations

import pytest

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.devices.resource_options import ResourceOptions
from hydra_vertex.service.trials.engines.options import ENGINES, EngineOptions, require_resources_apply

LIMITS = {
    "--trials-per-gpu": ResourceOptions(trials_per_gpu=2),
    "--gpus-per-trial": ResourceOptions(gpus_per_trial=2),
    "--gpu-memory-per-trial": ResourceOptions(gpu_memory_bytes=1 << 30),
    "--trial-memory": ResourceOptions(memory_bytes=1 << 30),
    "--trial-nice": ResourceOptions(nice=5),
}


@pytest.mark.parametrize("option", LIMITS)
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_limit_of_this_machine_is_refused_for_another_engine(option: str, engine: str) -> None:
    with pytest.raises(
        UserError, match=f"{option} is for trials that are processes of this machine, and --engine {engine}"
    ):
        require_resources_apply(EngineOptions(engine), LIMITS[option])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_number_of_trials_at_once_applies_to_every_engine(engine: str) -> None:
    require_resources_apply(EngineOptions(engine), ResourceOptions(max_parallel=3))


@pytest.mark.parametrize("option", LIMITS)
def test_every_limit_applies_to_this_machine(option: str) -> None:
    require_resources_apply(EngineOptions(), LIMITS[option])
