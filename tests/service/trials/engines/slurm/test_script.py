from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hydra_vertex.service.trials.engines.contract import Launch, RefusedError, Worker
from hydra_vertex.service.trials.engines.slurm.script import batch_script, command, worker_script
from hydra_vertex.service.trials.engines.slurm.settings import Settings
from service.trials.engines.slurm.launches import launch_of, worker

SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], {k: v for k, v in os.environ.items() if k in sys.argv}]))"
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
NAMES = st.from_regex("[A-Za-z_][A-Za-z0-9_.-]{0,10}", fullmatch=True)


def run_worker(folder: Path, launch: Launch, rank: int = 0, addresses: Sequence[str] = ()) -> str:
    """Run one worker of a launch as its job would, without Slurm, and return its log."""
    attempt = folder / "0"
    attempt.mkdir(exist_ok=True)
    (folder / "setup.sh").write_text("")
    (folder / "worker.sh").write_bytes(worker_script(launch, folder, Settings(), os.environ))
    if addresses:
        (attempt / "addresses").write_text("".join(f"{address}\n" for address in addresses))
    environ = {"PATH": os.environ["PATH"], "SLURM_PROCID": str(rank), "SLURM_NTASKS": str(len(launch.workers))}
    subprocess.run(["/bin/bash", str(folder / "worker.sh"), str(attempt)], env=environ, check=True, timeout=60)
    log = attempt / ("log.txt" if rank == 0 else f"log.{rank}.txt")
    text = log.read_text()
    log.unlink()
    return text


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, max_size=4), environ=st.dictionaries(NAMES, WORDS, max_size=3))
def test_any_words_and_variables_arrive_unchanged(tmp_path: Path, words: list[str], environ: dict[str, str]) -> None:
    # What looks like a reference to a variable is one, in the environment of a container.
    environ = {name: text for name, text in environ.items() if "$" not in text and name not in {"PATH", "_"}}
    arguments = (*words, *environ)
    launch = launch_of(tmp_path, worker(sys.executable, "-c", SHOW, *arguments, environ=environ))
    argv, seen = json.loads(run_worker(tmp_path, launch))
    assert argv == list(arguments)
    assert {name: seen.get(name) for name in environ} == environ


def test_a_variable_may_refer_to_those_of_the_trial(tmp_path: Path) -> None:
    environ = {"MINE": "$(CLOUD_ML_TRIAL_ID) $(CLOUD_ML_HP_METRIC_FILE) $$(X)"}
    launch = launch_of(tmp_path, worker("sh", "-c", 'echo "$MINE"', environ=environ))
    assert run_worker(tmp_path, launch) == f"7 {tmp_path}/0/metrics.jsonl $(X)\n"


def test_the_addresses_inside_the_job_replace_the_marks(tmp_path: Path) -> None:
    script = 'echo "$CLUSTER_SPEC|$MASTER_ADDR:$MASTER_PORT|$RANK"'
    workers = [worker("sh", "-c", script, pool=min(rank, 1), replica=max(rank - 1, 0)) for rank in range(12)]
    launch = launch_of(tmp_path, *workers)
    addresses = [f"node{rank}:{20000 + rank}" for rank in range(12)]
    log = run_worker(tmp_path, launch, 11, [*addresses, "node0:20012"])
    spec, master, rank = log.strip().split("|")
    assert json.loads(spec)["cluster"] == {"workerpool0": addresses[:1], "workerpool1": addresses[1:]}
    assert (master, rank) == ("node0:20012", "11")


def test_the_scripts_are_valid(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("true"), worker("true", pool=1))
    for number, text in enumerate(
        (batch_script(launch, tmp_path, "/", 0o027), worker_script(launch, tmp_path, Settings(), {"PATH": "/a b"}))
    ):
        file = tmp_path / f"{number}.sh"
        file.write_bytes(text)
        subprocess.run(["/bin/bash", "-n", str(file)], check=True)
        assert not re.search(rb"@[A-Z_]+@", text)


def test_the_umask_of_a_trial_is_the_users(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("true"))
    assert b"\numask 027\n" in batch_script(launch, Path("/data"), "/", 0o027)
    assert b"umask" not in batch_script(launch, Path("/data"), "/", -1)


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    launch = launch_of(tmp_path, worker("printf", "%s", name))
    attempt = tmp_path / "0"
    attempt.mkdir()
    (tmp_path / "setup.sh").write_text("")
    (tmp_path / "worker.sh").write_bytes(worker_script(launch, tmp_path, Settings(), {}))
    subprocess.run(["/bin/bash", str(tmp_path / "worker.sh"), str(attempt)], check=True)
    assert (attempt / "log.txt").read_bytes() == b"caf\xe9"


CONTAINER = Settings(container=("apptainer", "exec", "docker://{image}", "{output}", "{folder}"))


def test_a_container_command_has_its_placeholders_filled(tmp_path: Path) -> None:
    one = worker("hydra-trial", "--", "a", image="repo/app:1")
    launch = launch_of(tmp_path, one)
    folder = str(launch.folder.path)
    assert command(launch, one, Path(folder), CONTAINER) == (
        "apptainer",
        "exec",
        "docker://repo/app:1",
        str(launch.output_dir),
        folder,
        "hydra-trial",
        "--",
        "a",
    )


def test_on_a_node_hydra_trial_is_that_of_this_installation(tmp_path: Path) -> None:
    one = worker("hydra-trial", "--", "a", image="local")
    assert (
        command(launch_of(tmp_path, one), one, tmp_path, Settings())[0] == f"{Path(sys.executable).parent}/hydra-trial"
    )


REFUSED: list[tuple[list[Worker], Settings, str]] = [
    ([worker("a", "b\0c")], Settings(), "NUL character"),
    ([worker("a", environ={"B": "\0"})], Settings(), "NUL character"),
    ([worker("a", image="repo/app:1")], Settings(), "the job has the image 'repo/app:1', and Slurm runs no image"),
    ([worker("a", image="local")], CONTAINER, "has {image}, but the job has no image"),
    ([worker(image="repo/app:1")], CONTAINER, "workerPoolSpecs[0] has no command"),
    ([worker("a=b")], Settings(), "the program 'a=b' has a '=' in its name"),
    (
        [worker("a", image="i"), worker("a", image="i", pool=1)],
        Settings(container=("srun", "--container-image={image}")),
        "cannot start with srun for several workers",
    ),
]


@pytest.mark.parametrize(("workers", "with_settings", "message"), REFUSED)
def test_what_cannot_be_run_is_refused(
    tmp_path: Path, workers: list[Worker], with_settings: Settings, message: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        worker_script(launch_of(tmp_path, *workers), tmp_path, with_settings, {})
    assert message in str(caught.value)
