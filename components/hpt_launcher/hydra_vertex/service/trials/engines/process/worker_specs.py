"""Builds the launch spec of each worker of a trial on this machine. Pure, apart from the search for free ports."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hydra_vertex.protocol.environment import TRIAL_ID, OutputDirs, TrialEnvironment
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.cluster_environ import Address, cluster_environ
from hydra_vertex.service.trials.engines.contract import Launch
from hydra_vertex.service.trials.launch_spec import Host, LaunchSpec, Share, local_command, trial_environ

MARKER = "HYDRA_VERTEX_WORKER"
"""Variable of a worker's processes, by which those that a killed supervisor leaves behind are found."""
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """The addresses of the workers by pool and replica, and the port that the chief listens on for `env://`."""

    addresses: Mapping[tuple[int, int], Address]
    master: int


def free_ports(launch: Launch) -> Ports:
    """Return ports that are free now: one for each worker, and one for the chief."""
    with contextlib.ExitStack() as stack:
        numbers = [_free_port(stack) for _ in range(len(launch.workers) + 1)]
    pairs = zip(launch.workers, numbers[1:], strict=True)
    return Ports({worker.place: Address(LOOPBACK, port) for worker, port in pairs}, numbers[0])


def _free_port(stack: contextlib.ExitStack) -> int:
    listener = stack.enter_context(socket.socket())
    listener.bind((LOOPBACK, 0))
    port: int = listener.getsockname()[1]
    return port


def worker_folder(launch: Launch, place: tuple[int, int]) -> TrialFolder:
    """Return the folder of the worker with this pool and replica: the trial's own for the chief."""
    if place == launch.workers[0].place:
        return launch.folder
    return TrialFolder(launch.folder.path / "workers" / f"{place[0]}-{place[1]}")


def worker_specs(launch: Launch, host: Host, share: Share, token: str, ports: Ports) -> Iterator[LaunchSpec]:
    """Yield the launch spec of each worker. All of them have the chief's metric file: rank 0 may be any of them."""
    dirs = _output_dirs(launch)
    identity = TrialEnvironment(launch.trial_id, str(launch.folder.metric_file), launch.job_id, dirs)
    for place, worker in enumerate(launch.workers):
        cluster = cluster_environ(launch, worker, ports.addresses, ports.master)
        own = Share(gpus_of(share.gpu, place, len(launch.workers)), share.trials_at_once * len(launch.workers))
        environ = trial_environ({**worker.environ, **cluster}, identity, own, host)
        yield LaunchSpec(
            command=local_command((*worker.command, *worker.args), host.programs),
            environ={MARKER: marker_value(launch, worker.place), **_without_empty_trial(environ, launch)},
            folder=worker_folder(launch, worker.place),
            output_dirs=dirs,
            timeout_s=launch.timeout_s,
            token=token,
            gpu=share.gpu,  # by which a later service finds the trial's slot again
            memory_limit_bytes=host.resources.memory_bytes,
            nice=host.resources.nice,
            open_files=host.open_files,
            marker=MARKER,
            umask=host.umask,
        )


def marker_value(launch: Launch, place: tuple[int, int]) -> str:
    """Return the value of MARKER of the processes of a worker."""
    return f"{launch.folder.path}#{launch.id}-{place[0]}-{place[1]}"


def _output_dirs(launch: Launch) -> OutputDirs:
    base = str(launch.output_dir).rstrip("/")
    if launch.trial_id:
        return OutputDirs.below(base, launch.trial_id)
    return OutputDirs(f"{base}/model/", f"{base}/checkpoints/", f"{base}/logs/")


def _without_empty_trial(environ: dict[str, str], launch: Launch) -> dict[str, str]:
    return environ if launch.trial_id else {name: value for name, value in environ.items() if name != TRIAL_ID}


def gpus_of(gpus: str | None, place: int, workers: int) -> str | None:
    """Return a worker's part of the GPUs of a trial; all of them where there are fewer than workers."""
    names = [] if gpus is None else gpus.split(",")
    if len(names) < workers:
        return gpus
    each = len(names) // workers
    return ",".join(names[place * each : (place + 1) * each])
