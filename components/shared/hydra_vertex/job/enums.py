"""The API's enumerations, by name and by the numbers that its clients put on the wire."""

from __future__ import annotations

from enum import Enum

from .quoting import quoted


class WireEnum(str, Enum):
    """An enum whose members are declared in the order of their proto numbers, which count from 0."""

    @classmethod
    def parse(cls, value: object) -> WireEnum:
        """A member from its name or its number. Raises ValueError naming the members."""
        members = list(cls)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(members):
            return members[value]
        for member in members:
            if value == member.value:
                return member
        raise ValueError(f"{quoted(value)} is none of {', '.join(m.value for m in members)}")


class JobState(WireEnum):
    """`JobState`. The service moves a job along; a client only asks for CANCELLED."""

    UNSPECIFIED = "JOB_STATE_UNSPECIFIED"
    QUEUED = "JOB_STATE_QUEUED"
    PENDING = "JOB_STATE_PENDING"
    RUNNING = "JOB_STATE_RUNNING"
    SUCCEEDED = "JOB_STATE_SUCCEEDED"
    FAILED = "JOB_STATE_FAILED"
    CANCELLING = "JOB_STATE_CANCELLING"
    CANCELLED = "JOB_STATE_CANCELLED"
    PAUSED = "JOB_STATE_PAUSED"
    EXPIRED = "JOB_STATE_EXPIRED"
    UPDATING = "JOB_STATE_UPDATING"
    PARTIALLY_SUCCEEDED = "JOB_STATE_PARTIALLY_SUCCEEDED"

    @property
    def is_terminal(self) -> bool:
        """Whether the job stays in this state for good (EXPIRED and PARTIALLY_SUCCEEDED are easily forgotten)."""
        return self in {
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
            JobState.EXPIRED,
            JobState.PARTIALLY_SUCCEEDED,
        }


class TrialState(WireEnum):
    """`Trial.State`. There is no FAILED: a trial that gives no measurement is INFEASIBLE."""

    UNSPECIFIED = "STATE_UNSPECIFIED"
    REQUESTED = "REQUESTED"
    ACTIVE = "ACTIVE"
    STOPPING = "STOPPING"
    SUCCEEDED = "SUCCEEDED"
    INFEASIBLE = "INFEASIBLE"

    @property
    def is_terminal(self) -> bool:
        """Whether the trial has ended."""
        return self in {TrialState.SUCCEEDED, TrialState.INFEASIBLE}


class Goal(WireEnum):
    """`StudySpec.MetricSpec.GoalType`. Google reads an unset goal as MAXIMIZE, so it is always written out."""

    UNSPECIFIED = "GOAL_TYPE_UNSPECIFIED"
    MAXIMIZE = "MAXIMIZE"
    MINIMIZE = "MINIMIZE"


class ScaleType(WireEnum):
    """`StudySpec.ParameterSpec.ScaleType`."""

    UNSPECIFIED = "SCALE_TYPE_UNSPECIFIED"
    LINEAR = "UNIT_LINEAR_SCALE"
    LOG = "UNIT_LOG_SCALE"
    REVERSE_LOG = "UNIT_REVERSE_LOG_SCALE"


class Algorithm(WireEnum):
    """`StudySpec.Algorithm`. BAYESIAN is the API's ALGORITHM_UNSPECIFIED."""

    BAYESIAN = "ALGORITHM_UNSPECIFIED"
    _RESERVED = "ALGORITHM_RESERVED_1"
    GRID_SEARCH = "GRID_SEARCH"
    RANDOM_SEARCH = "RANDOM_SEARCH"


class MeasurementSelection(WireEnum):
    """`StudySpec.MeasurementSelectionType`: which measurement becomes the final one."""

    UNSPECIFIED = "MEASUREMENT_SELECTION_TYPE_UNSPECIFIED"
    LAST = "LAST_MEASUREMENT"
    BEST = "BEST_MEASUREMENT"
