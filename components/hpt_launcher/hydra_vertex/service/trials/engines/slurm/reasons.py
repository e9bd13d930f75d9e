"""Which of Slurm's reasons for a waiting job never end. Source of the names: slurm_protocol_defs.c of Slurm."""

from __future__ import annotations

import re

PERMANENT = {
    "AccountNotAllowed": "the partition does not take the account",
    "BadConstraints": "no node has what the job asks for",
    "DeadLine": "the deadline has passed",
    "DependencyNeverSatisfied": "a dependency cannot be fulfilled",
    "InvalidAccount": "the account does not exist, or is not the user's",
    "InvalidQOS": "the QOS does not exist, or is not the user's",
    "JobHoldMaxRequeue": "the job was requeued too often",
    "MaxMemPerLimit": "more memory than the partition allows",
    "PartitionNodeLimit": "more or fewer nodes than the partition allows",
    "PartitionTimeLimit": "a longer time limit than the partition allows",
    "QOSNotAllowed": "the partition does not take the QOS",
    "ReservationDeleted": "the reservation was deleted",
}
"""Reasons that do not end without a change of the job or of the site's configuration."""

_KINDS = (
    (
        re.compile(r"(Assoc|QOS)(Max|Min)\w*(PerJob|PerNode)\w*"),
        "the job alone exceeds a limit of the account or QOS",
    ),
    (re.compile(r"(Assoc|QOS)Min\w+"), "the job is smaller than the QOS allows"),
    (re.compile(r"(Assoc|QOS)MaxWallDuration\w*"), "a longer time limit than the account or QOS allows"),
    # Not …RunMinutes…, the time that running jobs have left: that ends with them.
    (
        re.compile(r"(Assoc|QOS)Grp(?!\w*RunMinutes)\w*(Minutes|Mins)(Limit)?"),
        "the account's or QOS's budget of minutes is used up",
    ),
    (re.compile(r"(Assoc|QOS)GrpWall\w*"), "the account's or QOS's budget of time is used up"),
    (re.compile(r"(Association|QOS)TimeLimit"), "a longer time limit than the account or QOS allows"),
)
_ADVICE = {
    "PartitionTimeLimit": "; give the trials a shorter time limit (--trial-timeout), or set the key time_limit_minutes",
}
_HELD = "requeued held"
"""Part of "launch failed requeued held" and of the like, whose job only a person can release."""
_WORD = re.compile(r"[A-Za-z]\w+")


def permanent(reason: str) -> str:
    """Return why a job that waits for this reason will never start; empty when it may start."""
    if _HELD in reason.replace("_", " "):
        return f"{reason}: Slurm could not start the job on its node, and holds it"
    # Some texts have more than the reason's name: "(Reason) ..." and "ReqNodeNotAvail, UnavailableNodes:n1".
    word = _WORD.search(reason)
    name = "" if word is None else word[0]
    if name in PERMANENT:
        return f"{name}: {PERMANENT[name]}{_ADVICE.get(name, '')}"
    return next((f"{name}: {meaning}" for pattern, meaning in _KINDS if pattern.fullmatch(name)), "")


def permanent_in(message: str) -> str:
    """Return the first permanent reason that a message names, as `permanent` does; empty when there is none."""
    return next((found for word in _WORD.findall(message) if (found := permanent(word))), "")
