"""Writes the scripts of a launch: the batch script, and the script that runs each worker. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from hydra_vertex.job.env_references import expanded
from hydra_vertex.protocol.secret_fingerprints import FINGERPRINTS
from hydra_vertex.protocol.secret_references import reference_names
from hydra_vertex.service.trials.engines.cluster_environ import PORT, Address, cluster_environ
from hydra_vertex.service.trials.engines.contract import Launch, RefusedError, Worker
from hydra_vertex.service.trials.launch import own_programs
from hydra_vertex.service.trials.launch_spec import UNBUFFERED, local_command

from .settings import Settings, fill_placeholders
from .submission import LOCAL_IMAGE

FIRST_PORT = 20_000
PORTS = 12_000
"""The ports of workers are FIRST_PORT to FIRST_PORT + PORTS - 1, below those that Linux gives to clients."""

SCRIPTS = Path(__file__).parent / "scripts"
_FIELD = re.compile(r"@([A-Z_]+)@")
_METRIC_MARK = "\ue000metric\ue000"
_MASTER_PORT_MARK = "\ue000master\ue000"
_MARK = re.compile(rf"\ue000((?:metric|master|host\d+))\ue000(:{PORT}(?!\d))?")


def batch_script(launch: Launch, folder: Path, working_directory: str, umask: int) -> bytes:
    """Return the batch script. `folder` is the folder of the launch; a negative `umask` means that of Slurm."""
    values = {
        "LAUNCH": launch.id,
        "FOLDER": shlex.quote(str(folder)),
        "DIRECTORY": shlex.quote(working_directory),
        "UMASK": f"umask {umask:03o}" if umask >= 0 else "",
        "WORKERS": str(len(launch.workers)),
        "FIRST_PORT": str(FIRST_PORT),
        "PORTS": str(PORTS),
    }
    return _filled("batch.sh", values)


def worker_script(launch: Launch, folder: Path, settings: Settings, environ: Mapping[str, str]) -> bytes:
    """Return the script that runs one worker, which its rank selects. Raises RefusedError.

    `environ` is the service's environment, of which the variables of `pass_environment` are passed on.
    """
    values = {
        "FOLDER": shlex.quote(str(folder)),
        "GRACE": f"{launch.grace_s:g}",
        "PASSED": "\n".join(_passed(settings, environ)),
        "BRANCHES": "\n".join(_branch(rank, launch, folder, settings) for rank in range(len(launch.workers))),
    }
    return _filled("worker.sh", values)


def _filled(name: str, values: Mapping[str, str]) -> bytes:
    text = _FIELD.sub(lambda match: values[match[1]], (SCRIPTS / name).read_text())
    return text.encode("utf-8", "surrogateescape")


def _passed(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    lines = [f"export {name}={shlex.quote(environ[name])}" for name in settings.pass_environment if name in environ]
    # hydra-trial starts the app again with a program of this installation.
    path = [f'export PATH="$PATH":{shlex.quote(str(own_programs()))}'] if settings.container is None else []
    return [*lines, *path]


def _branch(rank: int, launch: Launch, folder: Path, settings: Settings) -> str:
    """Return the branch of a `case` that sets the environment and the command of one worker."""
    worker = launch.workers[rank]
    texts = [f"{name}={value}" for name, value in variables_of(launch, worker).items()]
    words = command(launch, worker, folder, settings)
    for text in (*texts, *words):
        if "\0" in text:
            raise RefusedError(f"no argument or variable can have a NUL character, as {text!r} has")
    variables, words = [bash_word(text) for text in texts], tuple(shlex.quote(word) for word in words)
    return "\n".join((f"{rank})", "environment=(", *variables, ")", "command=(", *words, ")", ";;"))


def variables_of(launch: Launch, worker: Worker) -> dict[str, str]:
    """Return the variables of one worker, with marks for what is known only inside the job (`bash_word`)."""
    identity = launch.identity(_METRIC_MARK, str(launch.output_dir))
    addresses = {other.place: Address(_host_mark(rank)) for rank, other in enumerate(launch.workers)}
    cluster = cluster_environ(launch, worker, addresses)
    if cluster:
        cluster["MASTER_PORT"] = _MASTER_PORT_MARK
    secrets = {FINGERPRINTS: str(launch.folder.fingerprint_file)} if any(reference_names(worker.environ)) else {}
    return {UNBUFFERED: "1", **expanded(worker.environ, identity), **cluster, **identity, **secrets}


def bash_word(text: str) -> str:
    """Return a text as one word of bash: marks become the variables of the script, everything else is literal."""
    pieces, end = [], 0
    for match in _MARK.finditer(text):
        pieces += [shlex.quote(text[end : match.start()]), _variable(match[1], has_port=match[2] is not None)]
        end = match.end()
    return "".join((*pieces, shlex.quote(text[end:])))


def _host_mark(rank: int) -> str:
    return f"\ue000host{rank}\ue000"


def _variable(mark: str, *, has_port: bool) -> str:
    if mark == "metric":
        return '"$hv_metric_file"'
    if mark == "master":
        return '"$hv_master_port"'
    rank = mark.removeprefix("host")
    return f'"${{hv_addresses[{rank}]}}"' if has_port else f'"${{hv_addresses[{rank}]%:*}}"'


def command(launch: Launch, worker: Worker, folder: Path, settings: Settings) -> tuple[str, ...]:
    """Return a worker's whole command: the user's container command and its own, or its own. Raises RefusedError."""
    own = (*worker.command, *worker.args)
    image = "" if worker.image == LOCAL_IMAGE else worker.image
    if not own:
        raise RefusedError(
            f"the container of workerPoolSpecs[{worker.pool}] has no command; Slurm runs no image by itself"
        )
    if settings.container is None:
        if image and not settings.on_node:
            raise RefusedError(
                f"the job has the image {image!r}, and Slurm runs no image by itself: set the key 'container' of the"
                " engine's config file to your command, such as [apptainer, exec, --nv, 'docker://{image}'], or"
                " 'on_node: true' to run the trial's command on the node without the image"
            )
        own = local_command(own, own_programs())
        if "=" in own[0]:
            raise RefusedError(f"the program {own[0]!r} has a '=' in its name; start it by a script with another name")
        return own
    wrapper = settings.container
    if not image and any("{image}" in word for word in wrapper):
        raise RefusedError("the key 'container' of the engine's config file has {image}, but the job has no image")
    if len(launch.workers) > 1 and wrapper[0].rsplit("/", 1)[-1] == "srun":
        raise RefusedError("the key 'container' cannot start with srun for several workers, which srun starts already")
    values = {"image": image, "folder": str(folder), "output": str(launch.output_dir)}
    return (*(fill_placeholders(word, values) for word in wrapper), *own)
