"""What the errors of Slurm's commands mean. The programs are scripts that answer as Slurm's do."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.trials.engines.contract import RefusedError, UnavailableError
from hydra_vertex.service.trials.engines.options import EngineOptions
from hydra_vertex.service.trials.engines.options import make_engine as choose_engine
from hydra_vertex.service.trials.engines.slurm import commands, make_engine
from hydra_vertex.service.trials.engines.slurm.job_queue import SlurmJob, details
from service.trials.engines.slurm.cluster import needs_cluster


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, name: str, *, out: str = "", err: str = "", code: int = 0, script: str = "") -> None:
    (folder / f"{name}.out").write_text(out)
    (folder / f"{name}.err").write_text(err)
    program = folder / name
    program.write_text(
        f"#!/bin/sh\n{script}\n/bin/cat {folder}/{name}.out\n/bin/cat {folder}/{name}.err >&2\nexit {code}\n"
    )
    program.chmod(0o755)


POLICY = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
FOR_GOOD = [
    "sbatch: error: invalid partition specified: x\nsbatch: error: Batch job submission failed: Invalid partition name",
    "sbatch: error: Batch job submission failed: Requested node configuration is not available",
    "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
    "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
    f"sbatch: error: QOSMaxCpuPerJobLimit\nsbatch: error: Batch job submission failed: {POLICY}",
]
FOR_NOW = [
    "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
    "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    "sbatch: error: slurm_receive_msg: Zero Bytes were transmitted or received",
    "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
    f"sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: {POLICY}",
    "sbatch: error: Batch job submission failed: Protocol authentication error",
]


@pytest.mark.parametrize("text", FOR_GOOD)
def test_what_slurm_refuses_for_good_is_refused(programs: Path, text: str) -> None:
    install(programs, "sbatch", err=text, code=1)
    with pytest.raises(RefusedError) as caught:
        commands.submit(["x"])
    assert str(caught.value).startswith("sbatch: ")
    assert "error:" not in str(caught.value)


@pytest.mark.parametrize("text", FOR_NOW)
def test_what_slurm_may_take_later_is_unavailable(programs: Path, text: str) -> None:
    install(programs, "sbatch", err=text, code=1)
    with pytest.raises(UnavailableError):
        commands.submit(["x"])


def test_a_command_that_does_not_answer_is_unavailable(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "TIME_LIMIT_S", 0.2)
    install(programs, "squeue", script="exec /bin/sleep 60")
    with pytest.raises(UnavailableError, match=r"squeue did not answer within 0\.2 s"):
        commands.run(["squeue"])


def test_a_command_that_is_missing_is_unavailable(programs: Path) -> None:
    with pytest.raises(UnavailableError, match="squeue could not be started: No such file"):
        commands.run(["squeue"])


def test_variables_that_change_slurms_commands_are_not_passed_on() -> None:
    given = {
        "HOME": "/home/a",
        "SLURM_CONF": "/etc/slurm.conf",
        "SBATCH_ACCOUNT": "a",
        "SBATCH_ARRAY_INX": "1-9",
        "SBATCH_WAIT": "",
        "SLURM_JOB_ID": "1",
        "SLURM_TIME_FORMAT": "relative",
        "SQUEUE_FORMAT": "%i",
        "SACCT_FORMAT": "x",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "de_DE.UTF-8",
    }
    assert commands.child_environ(given) == {
        "HOME": "/home/a",
        "SLURM_CONF": "/etc/slurm.conf",
        "SBATCH_ACCOUNT": "a",
        "TZ": "UTC",
        "LC_ALL": "C",
    }


FORGOTTEN = "slurm_load_jobs error: Invalid job id specified"


def test_a_job_that_the_controller_forgot_is_read_from_accounting(programs: Path) -> None:
    install(programs, "scontrol", err=FORGOTTEN, code=1)
    install(programs, "sacct", out="NODE_FAIL|0:0|n1|hv-1\nCANCELLED by 1000|0:15|n[1-2]|hv-1\n")
    assert details("12", "hv-1") == SlurmJob("12", "hv-1", "CANCELLED", "", "n[1-2]", (0, 15))


def test_a_job_with_another_name_is_another_job(programs: Path) -> None:
    install(programs, "scontrol", out="JobId=12 JobName=other JobState=RUNNING Reason=None NodeList=n1 ExitCode=0:0\n")
    install(programs, "sacct", out="FAILED|3:0|n1|hv-1\nRUNNING|0:0|n1|other\n")
    assert details("12", "hv-1") == SlurmJob("12", "hv-1", "FAILED", "", "n1", (3, 0))


@pytest.mark.parametrize(
    ("out", "err", "code"),
    [
        ("", "", 0),
        # A controller that lost its state has never told accounting how the job ended.
        ("PENDING|0:0||hv-1\n", "", 0),
        ("RUNNING|0:0|n1|hv-1\n", "", 0),
        ("FAILED|3:0|n1|other\n", "", 0),
        ("broken\n", "", 0),
        ("", "Slurm accounting storage is disabled", 1),
    ],
)
def test_without_accounting_a_forgotten_job_is_unknown(programs: Path, out: str, err: str, code: int) -> None:
    install(programs, "scontrol", err=FORGOTTEN, code=1)
    install(programs, "sacct", out=out, err=err, code=code)
    assert details("12", "hv-1") is None


def test_a_controller_that_is_away_forgets_nothing(programs: Path) -> None:
    install(programs, "scontrol", err="Unable to contact slurm controller (connect failure)", code=1)
    with pytest.raises(UnavailableError):
        details("12", "hv-1")


def test_an_engine_names_the_commands_that_are_missing(programs: Path) -> None:
    install(programs, "squeue")
    with pytest.raises(UserError, match=r"no sbatch, scontrol, scancel, sinfo in PATH: run hydra-vertex on"):
        make_engine({}, "12345678")


def test_an_engine_says_what_a_silent_cluster_says(programs: Path) -> None:
    for name in commands.PROGRAMS:
        install(programs, name, err=f"{name}: error: Unable to contact slurm controller (connect failure)", code=1)
    with pytest.raises(UserError, match=r"the cluster does not answer: squeue failed: Unable to contact"):
        make_engine({}, "12345678")


@pytest.mark.parametrize("state", ["down", "idle*", "drained", "unknown"])
def test_a_cluster_whose_nodes_are_down_now_is_taken(programs: Path, state: str) -> None:
    for name in ("squeue", "scontrol", "scancel"):
        install(programs, name)
    install(programs, "sinfo", out=f"idle\n{state}\nmixed\n")
    install(programs, "sbatch", err="allocation failure: Requested node configuration is not available", code=1)
    assert make_engine({}, "12345678").name == "slurm"


def test_a_service_in_a_folder_that_may_not_be_shared_does_not_start(programs: Path, tmp_path: Path) -> None:
    for name in commands.PROGRAMS:
        install(programs, name)
    with pytest.raises(UserError, match=f"engine slurm: the folder {tmp_path} is on a file system of type "):
        choose_engine(EngineOptions("slurm"), "12345678", tmp_path)
    shared = EngineOptions("slurm", {"shared_folder": str(tmp_path.parent)})
    assert choose_engine(shared, "12345678", tmp_path) is not None


@needs_cluster
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"partition": "nope"}, "Invalid partition name specified"),
        ({"constraint": "nope"}, "Invalid feature specification"),
        ({"cpus": 1000}, "Requested node configuration is not available"),
        ({"machines": {"A": "gpu:1", "B": "gpu:nope:1"}}, r"\(--gres=gpu:nope:1\): .*Requested node configuration"),
        ({"sbatch_options": ["--nope"]}, "unrecognized option"),
    ],
)
def test_what_the_cluster_does_not_have_is_named_before_anything_starts(settings: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_engine(settings, "12345678")
