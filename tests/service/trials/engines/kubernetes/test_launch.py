"""Launches against a server that refuses some requests: what is created, in which order, and what a refusal means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from hydra_vertex.service.trials.engines.contract import Missing, RefusedError, UnavailableError
from hydra_vertex.service.trials.engines.kubernetes.engine import KubernetesEngine
from hydra_vertex.service.trials.engines.kubernetes.settings import Settings
from service.trials.engines.kubernetes.fake_api import FakeApi, fake_api
from service.trials.engines.kubernetes.kube_cluster import SERVICE_ID, launch_of


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with fake_api() as api:
        yield api


@pytest.fixture
def engine(api: FakeApi, tmp_path: Path) -> KubernetesEngine:
    return KubernetesEngine(api.cluster(tmp_path), Settings(), SERVICE_ID)


def test_a_launch_whose_service_could_not_be_created_is_launched_again_whole(
    api: FakeApi, engine: KubernetesEngine, tmp_path: Path
) -> None:
    launch = launch_of(tmp_path, "true", workers=2)
    api.refusals["Service"] = [(503, "later")]
    with pytest.raises(UnavailableError):
        engine.launch(launch)
    assert engine.observe(launch) == Missing()
    engine.launch(launch)
    assert sorted(api.names()) == sorted([f"{launch.id}-0-0", f"{launch.id}-1-0", f"hydra-{launch.id}"])


@pytest.mark.parametrize("offset_s", [-3600.0, 0.0, 3600.0])
def test_times_are_compared_with_the_clock_of_the_cluster(api: FakeApi, tmp_path: Path, offset_s: float) -> None:
    api.clock_offset_s = offset_s
    cluster = api.cluster(tmp_path)
    cluster.jobs("")
    skew = cluster.now() - datetime.now(timezone.utc) - timedelta(seconds=offset_s)
    assert abs(skew) < timedelta(seconds=5)


QUOTA = 'jobs.batch "j" is forbidden: exceeded quota: q, requested: count/jobs.batch=1, used: count/jobs.batch={}, '


@pytest.mark.parametrize(("limit", "error"), [(4, UnavailableError), (0, RefusedError)])
def test_a_quota_that_others_use_up_is_waited_for(
    api: FakeApi, engine: KubernetesEngine, tmp_path: Path, limit: int, error: type[Exception]
) -> None:
    launch = launch_of(tmp_path, "true")
    api.refusals["Job"] = [(403, f"{QUOTA.format(limit)}limited: count/jobs.batch={limit}")]
    with pytest.raises(error, match="exceeded quota: q"):
        engine.launch(launch)


@pytest.mark.parametrize("kind", ["Job", "Service"])
def test_a_conflict_about_a_quota_is_not_taken_for_an_object_that_exists(
    api: FakeApi, engine: KubernetesEngine, tmp_path: Path, kind: str
) -> None:
    launch = launch_of(tmp_path, "true", workers=2)
    api.refusals[kind] = [(409, 'Operation cannot be fulfilled on resourcequotas "q": please try again')]
    with pytest.raises(UnavailableError, match="try again"):
        engine.launch(launch)
    engine.launch(launch)
    assert sorted(api.names()) == sorted([f"{launch.id}-0-0", f"{launch.id}-1-0", f"hydra-{launch.id}"])
