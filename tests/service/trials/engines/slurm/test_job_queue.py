from __future__ import annotations

from hydra_vertex.service.trials.engines.slurm.job_queue import (
    SlurmJob,
    parse_exit_code,
    parse_fields,
    parse_listing,
)


def test_a_listing_has_a_job_a_line() -> None:
    text = "12|RUNNING|None|n[1-2]|hv-1-2\n13_[1-3]|PENDING|Resources||a|b, c\n\nbroken\n"
    assert parse_listing(text) == (
        SlurmJob("12", "hv-1-2", "RUNNING", "None", "n[1-2]"),
        SlurmJob("13_[1-3]", "a|b, c", "PENDING", "Resources", ""),
    )


def test_fields_may_have_spaces_and_equal_signs_in_their_values() -> None:
    text = (
        "JobId=3 JobName=a b=c UserId=root(0) JobState=FAILED Reason=NonZeroExitCode Dependency=(null) ExitCode=3:0"
        " CPUs/Task=1 ReqB:S:C:T=0:0:*:* Comment=it is ü WorkDir=/data/my folder/x StdOut=/data/JobState=OK Power= \n"
    )
    fields = parse_fields(text)
    assert fields["JobState"] == "FAILED"
    assert fields["ExitCode"] == "3:0"
    assert fields["WorkDir"] == "/data/my folder/x"
    assert fields["ReqB:S:C:T"] == "0:0:*:*"
    assert fields["Power"] == ""


def test_a_path_that_looks_like_a_state_is_none() -> None:
    assert parse_fields("JobId=3 JobState=RUNNING WorkDir=/x JobState=FAILED y")["JobState"] == "RUNNING"


def test_an_exit_code_has_a_code_and_a_signal() -> None:
    assert [parse_exit_code(text) for text in ("3:0", "0:9", "", "x")] == [(3, 0), (0, 9), None, None]
