"""What every engine that runs the workers of trials must do: checks of the five verbs, as functions of a bench.

Each check raises Broken with what was seen. The workers are scripts of `sh`, which every image has. A test of an engine
runs all of CHECKS.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Launch,
    Missing,
    Refused,
    RefusedError,
    Running,
    State,
    Worker,
    WorkerEngine,
)
from hydra_vertex.service.trials.exit_status import ExitStatus

from .expectation import Broken, expect

POLL_S = 0.1
UNUSUAL = (
    "",
    " ",
    "a b",
    "'",
    '"',
    "$HOME",
    "$(NAME)",
    "`date`",
    "\\",
    "a\nb",
    "*",
    "-x",
    "--k=v",
    "ü→",
    "{}",
    "#",
    ";",
)
"""Arguments that a shell, a template or a YAML file would change."""

SECRET = "HYDRA_VERTEX_CONTRACT_SECRET"  # noqa: S105 - the name of a variable
REPORT = (
    """printf '{"timestamp": %s, "trial": "1", "loss": "%s", "global_step": "%s", "checkpoint_path": ""}\\n' """
    """"$(date +%s)" "$1" "$1" >> "$CLOUD_ML_HP_METRIC_FILE"\n"""
)


@dataclass
class Bench:
    """An engine and what its workers need. `make` returns the engine as a newly started service would have it.

    `image` is one that has `sh`; `bad_image` cannot be had, empty where images are not used. `brings_curves`: the lines
    of a metric file that a script writes arrive while it runs. `shares_output`: what a worker writes below its output
    folder is in `Launch.output_dir` at the end. `limit_s` is how long one launch may take to start or to end.
    """

    make: Callable[[], WorkerEngine]
    folder: Path
    prefix: str
    image: str = "none"
    bad_image: str = ""
    machine: JsonObject = field(default_factory=dict)
    brings_curves: bool = True
    shares_output: bool = True
    limit_s: float = 90.0

    def __post_init__(self) -> None:
        self.engine = self.make()
        self._numbers = count(1)

    def launch(
        self,
        script: str,
        *arguments: str,
        replicas: int = 1,
        environ: Mapping[str, str] | None = None,
        image: str = "",
        grace_s: float = 2.0,
    ) -> Launch:
        """Return a launch of a script with one chief and `replicas` - 1 workers of pool 1. It is not started."""
        number = next(self._numbers)
        places = [(0, 0), *((1, replica) for replica in range(replicas - 1))]
        workers = (
            Worker(
                pool,
                replica,
                image or self.image,
                ("sh", "-c", script, "script"),
                arguments,
                environ or {},
                self.machine,
            )
            for pool, replica in places
        )
        folder = TrialFolder(self.folder / f"launch-{number}")
        folder.clear()
        return Launch(
            id=f"hv-{self.prefix}-{number}-1",
            job_id=str(number),
            trial_id="1",
            workers=tuple(workers),
            folder=folder,
            output_uri="",
            output_dir=self.folder / f"output-{number}",
            timeout_s=600.0,
            grace_s=grace_s,
        )

    def until(self, launch: Launch, *kinds: type[State]) -> State:
        """Observe a launch until its state is of these kinds. Raises Broken after `limit_s`."""
        give_up = time.monotonic() + self.limit_s
        while not isinstance(state := self.engine.observe(launch), kinds):
            expect(time.monotonic() < give_up, f"{launch.id} is {state} after {self.limit_s:g} s, not {kinds}")
            time.sleep(POLL_S)
        return state

    def exit_of(self, launch: Launch) -> ExitStatus:
        """Return how a started launch ends. Raises Broken when it has no exit."""
        state = self.until(launch, Exited, Refused, Missing)
        if not isinstance(state, Exited):
            raise Broken(f"{launch.id} is {state}, expected an exit")
        return state.exit_status

    def run(self, launch: Launch) -> ExitStatus:
        """Start a launch, wait for its end and fetch what it wrote."""
        self.engine.launch(launch)
        ended = self.exit_of(launch)
        self.engine.fetch(launch)
        return ended

    def log_of(self, launch: Launch) -> str:
        """Return the log that was fetched."""
        return launch.folder.log.read_text() if launch.folder.log.exists() else ""


def check_exit_code_0_is_a_success(bench: Bench) -> None:
    """A script that ends with 0 is a success."""
    ended = bench.run(bench.launch("echo done"))
    expect(ended.is_success, f"{ended}")


def check_exit_code_is_kept(bench: Bench) -> None:
    """A script that ends with 3 failed with 3, by itself."""
    ended = bench.run(bench.launch("exit 3"))
    expect((ended.code, ended.signal, ended.is_own_end) == (3, None, True), f"{ended}")


def check_signal_is_kept(bench: Bench) -> None:
    """A script that SIGKILL ends failed by signal 9, or with 137 where no engine can tell the two apart."""
    ended = bench.run(bench.launch("kill -9 $$"))
    expect(not ended.is_success, f"{ended}")
    expect(ended.is_own_end, f"{ended}")
    expect(ended.signal == 9 or ended.code == 137, f"{ended}")


def check_arguments_are_exact(bench: Bench) -> None:
    """Every argument arrives as it is."""
    launch = bench.launch("""for each; do printf '<%s>' "$each"; done; echo""", *UNUSUAL)
    expect(bench.run(launch).is_success, launch.id)
    expect(bench.log_of(launch).rstrip("\n") == "".join(f"<{text}>" for text in UNUSUAL), f"{bench.log_of(launch)}")


def check_environment_is_exact(bench: Bench) -> None:
    """A worker has the container's variables as they are, and none of the service's own."""
    given = {f"GIVEN_{number}": text for number, text in enumerate(UNUSUAL) if text != "$(NAME)"}
    script = "".join(f"""printf '<%s>' "${name}";""" for name in given) + f"""printf '[%s]' "${SECRET}"; echo"""
    launch = bench.launch(script, environ=given)
    os.environ[SECRET] = "of the service"
    try:
        expect(bench.run(launch).is_success, launch.id)
    finally:
        del os.environ[SECRET]
    expected = "".join(f"<{text}>" for text in given.values()) + "[]"
    expect(bench.log_of(launch).rstrip("\n") == expected, f"{bench.log_of(launch)}")


def check_worker_knows_its_trial(bench: Bench) -> None:
    """A worker has the variables of the trial protocol."""
    launch = bench.launch("""echo "$CLOUD_ML_TRIAL_ID $CLOUD_ML_JOB_ID"; test -n "$AIP_MODEL_DIR" """)
    expect(bench.run(launch).is_success, launch.id)
    expect(bench.log_of(launch).split() == ["1", launch.job_id], f"{bench.log_of(launch)}")


def check_final_report_arrives(bench: Bench) -> None:
    """The last line of the metric file is there at the end."""
    launch = bench.launch("set -- 7\n" + REPORT)
    expect(bench.run(launch).is_success, launch.id)
    expect('"loss": "7"' in launch.folder.metric_file.read_text(), launch.id)


def check_reports_arrive_while_it_runs(bench: Bench) -> None:
    """The lines of the metric file arrive in their order, before the end."""
    if not bench.brings_curves:
        return
    launch = bench.launch("for step in 1 2 3; do set -- $step\n" + REPORT + "done; sleep 600")
    bench.engine.launch(launch)
    give_up = time.monotonic() + bench.limit_s
    while _losses(launch) != ["1", "2", "3"]:
        expect(time.monotonic() < give_up, f"{_losses(launch)}")
        bench.engine.observe(launch)
        bench.engine.fetch(launch)
        time.sleep(POLL_S)
    bench.engine.remove(launch)


def check_long_log_is_complete(bench: Bench) -> None:
    """A log of 20,000 lines arrives whole."""
    launch = bench.launch("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done")
    expect(bench.run(launch).is_success, launch.id)
    lines = bench.log_of(launch).split()
    expect(lines == [str(number) for number in range(20000)], f"{(len(lines), lines[:3], lines[-3:])}")


def check_second_launch_of_an_id_starts_nothing(bench: Bench) -> None:
    """A launch that the engine knows is not started again, also by a new service, and while it runs or has ended."""
    launch = bench.launch("echo started; sleep 3")
    bench.engine.launch(launch)
    bench.engine = bench.make()
    bench.engine.launch(launch)
    expect(bench.exit_of(launch).is_success, launch.id)
    bench.engine.launch(launch)
    expect(bench.exit_of(launch).is_success, launch.id)
    bench.engine.fetch(launch)
    expect(bench.log_of(launch).split() == ["started"], f"{bench.log_of(launch)}")


def check_new_service_finds_a_launch(bench: Bench) -> None:
    """A service that was killed and started again observes, ends and removes what it had launched."""
    launch = bench.launch("sleep 600")
    bench.engine.launch(launch)
    first = bench.until(launch, Running)
    bench.engine = bench.make()
    expect(bench.until(launch, Running) == first, launch.id)
    bench.engine.end(launch)
    expect(not bench.exit_of(launch).is_success, launch.id)


def check_end_sends_sigterm(bench: Bench) -> None:
    """A script that handles SIGTERM saves its work within the grace period."""
    launch = bench.launch("trap 'echo saved; exit 0' TERM; while :; do sleep 0.1; done", grace_s=20.0)
    bench.engine.launch(launch)
    bench.until(launch, Running)
    time.sleep(3.0)  # until the shell has set the trap
    bench.engine.end(launch)
    bench.until(launch, Exited)
    bench.engine.fetch(launch)
    expect("saved" in bench.log_of(launch).split(), f"{bench.log_of(launch)}")


def check_end_kills_what_ignores_sigterm(bench: Bench) -> None:
    """A script that ignores SIGTERM is killed after the grace period."""
    launch = bench.launch("trap '' TERM; while :; do sleep 0.1; done")
    bench.engine.launch(launch)
    bench.until(launch, Running)
    bench.engine.end(launch)
    expect(not bench.exit_of(launch).is_success, launch.id)


def check_removed_launch_is_gone(bench: Bench) -> None:
    """Nothing is left of a removed launch, and verbs on it or on an unknown one raise nothing."""
    launch = bench.launch("sleep 600")
    bench.engine.launch(launch)
    bench.until(launch, Running)
    bench.engine.remove(launch)
    bench.until(launch, Missing)
    expect(launch.id not in bench.engine.known_ids(), launch.id)
    for one in (launch, bench.launch("exit 0")):
        expect(isinstance(bench.engine.observe(one), Missing), one.id)
        bench.engine.end(one)
        bench.engine.fetch(one)
        bench.engine.remove(one)


def check_image_that_cannot_be_had_is_refused(bench: Bench) -> None:
    """The engine says that an image cannot be had; this is no failure of the trial."""
    if not bench.bad_image:
        return
    launch = bench.launch("exit 0", image=bench.bad_image)
    try:
        bench.engine.launch(launch)
    except RefusedError as error:
        said = str(error)
    else:
        state = bench.until(launch, Refused, Exited)
        said = state.detail if isinstance(state, Refused) else ""
        bench.engine.remove(launch)
    expect(bench.bad_image in said, f"the engine says {said!r}, not that it has no {bench.bad_image}")


def check_output_folder_is_shared(bench: Bench) -> None:
    """What a worker writes into AIP_MODEL_DIR is in the output folder of the service's machine."""
    if not bench.shares_output:
        return
    script = """
        case "$AIP_MODEL_DIR" in gs://*) folder="/gcs/${AIP_MODEL_DIR#gs://}";; *) folder="$AIP_MODEL_DIR";; esac
        mkdir -p "$folder" && echo weights > "$folder/model.txt"
        """
    launch = bench.launch(script)
    expect(bench.run(launch).is_success, f"{bench.log_of(launch)}")
    expect((launch.output_dir / "1" / "model" / "model.txt").read_text() == "weights\n", launch.id)


def check_workers_have_their_places(bench: Bench) -> None:
    """Each of three workers has its own place in CLUSTER_SPEC; the chief's end decides."""
    launch = bench.launch("""echo "$RANK of $WORLD_SIZE"; echo "$CLUSTER_SPEC"; test "$WORLD_SIZE" = 3""", replicas=3)
    expect(bench.run(launch).is_success, f"{bench.log_of(launch)}")
    log = bench.log_of(launch)
    expect(log.startswith("0 of 3\n"), f"{log}")
    expect('"workerpool1"' in log, f"{log}")


def check_dead_worker_ends_its_trial(bench: Bench) -> None:
    """A worker that fails ends the chief, and its exit code is that of the trial."""
    launch = bench.launch("""if [ "$RANK" = 1 ]; then exit 5; fi; sleep 600""", replicas=2)
    ended = bench.run(launch)
    expect((ended.code, ended.is_own_end) == (5, True), f"{ended}")


CHECKS: Mapping[str, Callable[[Bench], None]] = {
    name.removeprefix("check_").replace("_", " "): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
"""The checks by their names, in words."""


def _losses(launch: Launch) -> list[str]:
    text = launch.folder.metric_file.read_text() if launch.folder.metric_file.exists() else ""
    return [line.split('"loss": "')[1].split('"')[0] for line in text.splitlines() if '"loss": "' in line]
