from __future__ import annotations

import pytest

from hydra_vertex.service.trials.engines.slurm.reasons import permanent, permanent_in

FOREVER = [
    "PartitionTimeLimit",
    "PartitionNodeLimit",
    "BadConstraints",
    "InvalidAccount",
    "InvalidQOS",
    "AccountNotAllowed",
    "QOSNotAllowed",
    "ReservationDeleted",
    "JobHoldMaxRequeue",
    "AssocGrpCPUMinutesLimit",
    "AssocGrpGRESMinutes",
    "QOSGrpCPUMinutesLimit",
    "QOSGrpWallLimit",
    "AssocMaxCpuPerJobLimit",
    "AssocMaxWallDurationPerJobLimit",
    "QOSMaxWallDurationPerJobLimit",
    "QOSMaxMemoryPerJob",
    "QOSMaxGRESPerNode",
    "QOSMinGRES",
    "QOSMinCpuNotSatisfied",
    "AssociationTimeLimit",
]
FOR_NOW = [
    "None",
    "Resources",
    "Priority",
    "BeginTime",
    "Licenses",
    "NodeDown",
    "ReqNodeNotAvail, UnavailableNodes:n1",
    "PartitionDown",
    "Reservation",
    "JobHeldUser",
    "JobHeldAdmin",
    "QOSMaxJobsPerUserLimit",
    "QOSMaxGRESPerUser",
    "QOSMaxCpuPerUserLimit",
    "AssocMaxJobsLimit",
    "AssocGrpCpuLimit",
    "AssocGrpGRES",
    "AssocGrpCPURunMinutesLimit",
    "AssocGrpGRESRunMinutes",
    "QOSGrpCpuLimit",
    "QOSGrpCPURunMinutesLimit",
    "QOSMaxSubmitJobPerUserLimit",
    "",
]


@pytest.mark.parametrize("reason", FOREVER)
def test_a_reason_that_never_ends_is_explained(reason: str) -> None:
    assert permanent(reason).startswith(f"{reason}: ")
    assert permanent(f"({reason})").startswith(f"{reason}: ")


@pytest.mark.parametrize("reason", FOR_NOW)
def test_a_reason_that_may_end_is_none(reason: str) -> None:
    assert permanent(reason) == ""


@pytest.mark.parametrize("reason", ["launch failed requeued held", "user_env_retrieval_failed_requeued_held"])
def test_a_job_that_could_not_be_launched_is_not_waited_for(reason: str) -> None:
    assert permanent(reason).startswith(f"{reason}: Slurm could not start the job")


def test_a_time_limit_that_is_too_long_comes_with_the_next_step() -> None:
    assert "--trial-timeout" in permanent("PartitionTimeLimit")


def test_a_message_is_searched_for_reasons() -> None:
    message = "QOSMaxCpuPerJobLimit; Batch job submission failed: Job violates accounting/QOS policy (job submit limit)"
    assert permanent_in(message).startswith("QOSMaxCpuPerJobLimit: ")
    assert permanent_in("AssocMaxSubmitJobLimit; Job violates accounting/QOS policy (job submit limit)") == ""
