"""The engine on a real cluster whose nodes run commands as processes."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Interruption,
    Launch,
    Missing,
    Queued,
    Refused,
    RefusedError,
    Running,
    WorkerEngine,
)
from service.trials.engines.kubernetes.kube_cluster import Namespace, exit_of, running, state_of, until

pytestmark = pytest.mark.usefixtures("process_nodes")

MakeLaunch = Callable[..., Launch]
PROGRAM = str(Path(sys.executable).with_name("hydra-trial"))
APP = """
    import sys
    import time
    from pathlib import Path
    import hydra
    from hydra_vertex.trial import report

    @hydra.main(version_base=None)
    def main(cfg):
        for step in range(3):
            report("loss", 3.0 - step, step)
        print("waits", flush=True)
        while not Path(sys.argv[0]).with_name("go").exists():
            time.sleep(0.05)
        return 0.25

    main()
    """
WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"


@pytest.fixture
def engine(namespace: Namespace) -> WorkerEngine:
    return namespace.process_engine()


def pods_of(namespace: Namespace, launch: Launch) -> list[Any]:
    selector = f"hydra-vertex/launch={launch.id}"
    return list(namespace.api.list_namespaced_pod(namespace.name, label_selector=selector).items)


def jobs(namespace: Namespace) -> Any:
    from kubernetes import client

    return client.BatchV1Api(namespace.api.api_client)


def losses(launch: Launch) -> list[str]:
    file = launch.folder.metric_file
    return [line.split('"loss": "')[1].split('"')[0] for line in file.read_text().splitlines()] if file.exists() else []


def test_curves_arrive_while_a_trial_runs_and_a_new_service_continues_them(
    namespace: Namespace, engine: WorkerEngine, make_launch: MakeLaunch, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(dedent(APP))
    launch = make_launch(PROGRAM, "--metric", "loss", "--", sys.executable, str(tmp_path / "app.py"))
    engine.launch(launch)
    running(engine, launch)

    def arrived() -> bool:
        engine.fetch(launch)
        return losses(launch) == ["3.0", "2.0", "1.0"]

    until(arrived)
    later = namespace.process_engine()
    (tmp_path / "go").touch()
    assert exit_of(later, launch).is_success
    later.fetch(launch)
    assert losses(launch) == ["3.0", "2.0", "1.0", "0.25"]
    assert launch.folder.log.read_text() == "waits\nhydra-trial: loss = 0.25\n"
    assert launch.id in later.known_ids()
    later.remove(launch)
    assert launch.id not in later.known_ids()


def test_a_service_knows_only_its_own_launches(namespace: Namespace, make_launch: MakeLaunch) -> None:
    one, other = namespace.process_engine("11111111"), namespace.process_engine("22222222")
    launch = make_launch("sleep", "600")
    one.launch(launch)
    assert launch.id in one.known_ids()
    assert launch.id not in other.known_ids()
    with pytest.raises(RefusedError, match="another program has created"):
        other.launch(replace(launch, folder=make_launch().folder))
    one.remove(launch)


def test_a_deadline_is_a_time_out(engine: WorkerEngine, make_launch: MakeLaunch) -> None:
    launch = make_launch("sleep", "600", timeout_s=1.0)
    engine.launch(launch)
    assert exit_of(engine, launch).timed_out


def test_a_command_that_cannot_be_started_is_named(engine: WorkerEngine, make_launch: MakeLaunch) -> None:
    launch = make_launch("/nonexistent/program")
    engine.launch(launch)
    assert "/nonexistent/program" in exit_of(engine, launch).error


def test_an_end_before_the_start_leaves_the_queue(engine: WorkerEngine, make_launch: MakeLaunch) -> None:
    launch = make_launch("true", machine={"machineType": "n1-standard-96"})
    engine.launch(launch)
    queued = until(lambda: state if isinstance(state := engine.observe(launch), Queued) and state.detail else None)
    assert "Insufficient cpu" in queued.detail
    engine.end(launch)
    assert isinstance(state_of(engine, launch), Missing)


def test_an_unschedulable_worker_is_refused_after_the_limit(namespace: Namespace, make_launch: MakeLaunch) -> None:
    engine = namespace.process_engine(
        unschedulableLimit="1s", machines={"NVIDIA_L4": {"limits": {"example.com/l4": 1}}}
    )
    launch = make_launch("true", machine={"acceleratorType": "NVIDIA_L4"})
    engine.launch(launch)
    state = state_of(engine, launch, Refused)
    assert isinstance(state, Refused)
    assert "Insufficient example.com/l4" in state.detail


def test_an_end_after_the_own_end_changes_nothing(engine: WorkerEngine, make_launch: MakeLaunch) -> None:
    launch = make_launch("sh", "-c", "exit 4")
    engine.launch(launch)
    until(lambda: engine.observe(launch) if isinstance(engine.observe(launch), Exited) else None)
    engine.end(launch)
    assert exit_of(engine, launch).code == 4
    assert not exit_of(engine, launch).stopped


@pytest.mark.parametrize("kind", ["Pod", "Job"])
def test_what_someone_else_deletes_is_removed_and_does_not_run_again(
    namespace: Namespace, engine: WorkerEngine, make_launch: MakeLaunch, tmp_path: Path, kind: str
) -> None:
    launch = make_launch("sh", "-c", f"echo run >> {shlex.quote(str(tmp_path))}/runs; {WAIT}")
    engine.launch(launch)
    running(engine, launch)
    (pod,) = pods_of(namespace, launch)
    if kind == "Pod":
        namespace.api.delete_namespaced_pod(pod.metadata.name, namespace.name)
    else:
        jobs(namespace).delete_namespaced_job(f"{launch.id}-0-0", namespace.name, propagation_policy="Background")
    state = state_of(engine, launch)
    assert isinstance(state, Interrupted)
    assert state.cause is Interruption.REMOVED
    until(lambda: not pods_of(namespace, launch))
    assert namespace.process_engine().observe(launch) == state
    engine.remove(launch)


def test_a_removed_launch_is_unknown(namespace: Namespace, engine: WorkerEngine, make_launch: MakeLaunch) -> None:
    launch = make_launch("sleep", "600")
    engine.launch(launch)
    running(engine, launch)
    engine.remove(launch)
    assert isinstance(engine.observe(launch), Missing)
    until(lambda: not pods_of(namespace, launch))


@pytest.fixture
def priority(namespace: Namespace) -> Iterator[str]:
    from kubernetes import client

    api = client.SchedulingV1Api(namespace.api.api_client)
    name = f"high-{secrets.token_hex(4)}"
    api.create_priority_class({"metadata": {"name": name}, "value": 1000})
    yield name
    api.delete_priority_class(name)


def on_node(name: str) -> dict[str, Any]:
    return {"podTemplate": {"spec": {"nodeSelector": {"kubernetes.io/hostname": name}}}}


def test_a_trial_that_makes_room_for_another_is_pre_empted(
    namespace: Namespace, make_launch: MakeLaunch, priority: str, process_nodes: list[str]
) -> None:
    machines = {"big": {"requests": {"cpu": "2500m"}}}
    low = namespace.process_engine(machines=machines, **on_node(process_nodes[0]))
    high = namespace.process_engine(machines=machines, priorityClassName=priority, **on_node(process_nodes[0]))
    victim = make_launch("sh", "-c", WAIT, machine={"machineType": "big"})
    low.launch(victim)
    running(low, victim)
    winner = make_launch("sleep", "600", machine={"machineType": "big"})
    high.launch(winner)
    state = state_of(low, victim)
    assert isinstance(state, Interrupted)
    assert state.cause is Interruption.PREEMPTED
    assert winner.id in state.detail
    running(high, winner)
    high.remove(winner)
    low.remove(victim)


def test_a_trial_on_a_node_that_is_tainted_is_evicted(
    namespace: Namespace, make_launch: MakeLaunch, process_nodes: list[str]
) -> None:
    node = process_nodes[-1]
    engine = namespace.process_engine(**on_node(node))
    launch = make_launch("sh", "-c", WAIT)
    engine.launch(launch)
    running(engine, launch)
    namespace.api.patch_node(node, {"spec": {"taints": [{"key": "maintenance", "effect": "NoExecute"}]}})
    try:
        state = state_of(engine, launch)
    finally:
        namespace.api.patch_node(node, {"spec": {"taints": None}})
    assert isinstance(state, Interrupted)
    assert state.cause is Interruption.EVICTED
    engine.remove(launch)


def test_a_trial_on_a_lost_node_is_lost_with_it(namespace: Namespace, make_launch: MakeLaunch) -> None:
    node, command = os.environ.get("KUBE_NODE_TO_LOSE"), os.environ.get("KUBE_LOSE_NODE")
    if not node or not command:
        pytest.skip("needs $KUBE_NODE_TO_LOSE, a node, and $KUBE_LOSE_NODE, a command after which it does not answer")
    engine = namespace.process_engine(nodeLossLimit="1s", **on_node(node))
    launch = make_launch("sleep", "600")
    engine.launch(launch)
    running(engine, launch)
    subprocess.run(shlex.split(command), check=True)
    engine.fetch(launch)  # its log cannot be had, which is no reason to wait
    state = state_of(engine, launch, limit_s=300)
    assert isinstance(state, Interrupted)
    assert state.cause is Interruption.NODE_LOST
    engine.fetch(launch)
    engine.remove(launch)
    assert isinstance(engine.observe(launch), Missing)


def test_everything_ends_with_its_owner(namespace: Namespace, make_launch: MakeLaunch) -> None:
    name = f"service-{secrets.token_hex(4)}"
    pod = {"spec": {"containers": [{"name": "service", "image": "x", "command": ["sleep", "600"]}]}}
    spec = {"template": {"spec": {**pod["spec"], "restartPolicy": "Never"}}}
    jobs(namespace).create_namespaced_job(namespace.name, {"metadata": {"name": name}, "spec": spec})
    engine = namespace.process_engine(owner={"kind": "Job", "name": name})
    launch = make_launch("sleep", "600", workers=2)
    engine.launch(launch)
    running(engine, launch)
    jobs(namespace).delete_namespaced_job(name, namespace.name, propagation_policy="Background")
    until(lambda: not pods_of(namespace, launch) and launch.id not in engine.known_ids())
    services = namespace.api.list_namespaced_service
    until(lambda: not services(namespace.name, label_selector=f"hydra-vertex/launch={launch.id}").items)
    engine.remove(launch)


@pytest.fixture
def quota(namespace: Namespace) -> Iterator[None]:
    hard = {"requests.cpu": "1", "count/pods": "50"}
    namespace.api.create_namespaced_resource_quota(namespace.name, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
    until(lambda: namespace.api.read_namespaced_resource_quota("q", namespace.name).status.hard)
    yield
    namespace.api.delete_namespaced_resource_quota("q", namespace.name)


MACHINES = {name: {"requests": {"cpu": name.removeprefix("cpu")}} for name in ("cpu600m", "cpu2")}


@pytest.mark.usefixtures("quota")
def test_a_full_quota_is_waited_for_and_one_that_is_too_small_refuses(
    namespace: Namespace, make_launch: MakeLaunch
) -> None:
    engine = namespace.process_engine(machines=MACHINES)
    first, second = (make_launch("sleep", "600", machine={"machineType": "cpu600m"}) for _ in range(2))
    engine.launch(first)
    running(engine, first)
    engine.launch(second)
    queued = until(lambda: state if isinstance(state := engine.observe(second), Queued) and state.detail else None)
    assert "exceeded quota: q" in queued.detail
    engine.remove(first)
    running(engine, second)
    engine.remove(second)
    large = make_launch("sleep", "600", machine={"machineType": "cpu2"})
    engine.launch(large)
    state = state_of(engine, large, Refused)
    assert isinstance(state, Refused)
    assert "exceeded quota: q, requested: requests.cpu=2" in state.detail
    engine.remove(large)


def test_workers_know_each_other_and_only_the_chiefs_report_counts(
    engine: WorkerEngine, make_launch: MakeLaunch, tmp_path: Path
) -> None:
    script = f'echo "$RANK $MASTER_ADDR" > {shlex.quote(str(tmp_path))}/rank-$RANK; echo "I am $RANK"; sleep 1'
    launch = make_launch("sh", "-c", script, workers=3)
    engine.launch(launch)
    assert exit_of(engine, launch).is_success
    engine.fetch(launch)
    assert launch.folder.log.read_text() == "I am 0\n"
    assert {(tmp_path / f"rank-{rank}").read_text() for rank in range(3)} == {
        f"{rank} {launch.id}-0-0.hydra-{launch.id}\n" for rank in range(3)
    }
    engine.remove(launch)


@pytest.mark.parametrize("script", ["exit 5", "sh -c 'kill -9 $PPID'"])
def test_a_dead_worker_ends_the_others_gracefully_and_the_chiefs_log_is_whole(
    namespace: Namespace, engine: WorkerEngine, make_launch: MakeLaunch, script: str
) -> None:
    chief = "trap 'echo saved; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    launch = make_launch("sh", "-c", f'if [ "$RANK" = 1 ]; then sleep 2; {script}; fi; {chief}', workers=3, grace_s=10)
    engine.launch(launch)
    running(engine, launch)
    engine.fetch(launch)

    def look() -> Exited | None:
        state = engine.observe(launch)
        engine.fetch(launch)
        return state if isinstance(state, Exited) else None

    ended = until(look)
    assert (ended.exit_status.code, ended.exit_status.signal) in {(5, None), (None, 9)}
    assert ended.exit_status.is_own_end
    assert launch.folder.log.read_text().splitlines()[-1] == "saved"
    until(lambda: not [pod for pod in pods_of(namespace, launch) if pod.status.phase == "Running"])
    engine.remove(launch)


def test_the_chiefs_success_ends_workers_that_serve_for_ever(engine: WorkerEngine, make_launch: MakeLaunch) -> None:
    launch = make_launch("sh", "-c", f'if [ "$RANK" = 0 ]; then sleep 1; exit 0; fi; {WAIT}', workers=2)
    engine.launch(launch)
    assert exit_of(engine, launch).is_success
    engine.remove(launch)


def test_several_workers_that_wait_are_one_launch_in_the_queue(engine: WorkerEngine, make_launch: MakeLaunch) -> None:
    launch = make_launch("true", workers=2, machine={"machineType": "n1-standard-96"})
    engine.launch(launch)
    assert isinstance(engine.observe(launch), Queued)
    engine.end(launch)
    assert isinstance(state_of(engine, launch, Missing), Missing)


def test_a_launch_that_was_created_in_part_is_completed(
    namespace: Namespace, engine: WorkerEngine, make_launch: MakeLaunch
) -> None:
    launch = make_launch("sleep", "600", workers=2)
    engine.launch(replace(launch, workers=launch.workers[:1], folder=make_launch().folder))
    until(lambda: pods_of(namespace, launch))
    assert isinstance(engine.observe(launch), Missing)
    engine.launch(launch)
    assert isinstance(running(engine, launch), Running)
    assert len(pods_of(namespace, launch)) == 2
    engine.remove(launch)
