"""The enumerations of the API, read by name or by proto number."""

from __future__ import annotations

from enum import Enum

from .quoting import quoted


class WireEnum(str, Enum):
    """An enum whose members are declared in the order of their proto numbers, starting at 0."""

    @classmethod
    def parse(cls, value: object) -> WireEnum:
        """Return the member with this name or number. Raises ValueError naming the members."""
        members = list(cls)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(members):
            return members[value]
        for member in members:
            if value == member.value:
                return member
        raise ValueError(f"expected one of {', '.join(m.value for m in members)}, got {quoted(value)}")


class JobState(WireEnum):
    """`JobState`. The service changes the state of a job; a client can only request its cancellation."""

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
        """Whether a job in this state has ended. EXPIRED and PARTIALLY_SUCCEEDED are terminal states too."""
        return self in {
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
            JobState.EXPIRED,
            JobState.PARTIALLY_SUCCEEDED,
        }

    @property
    def is_ending(self) -> bool:
        """Whether a job in this state has ended, or has been asked to."""
        return self.is_terminal or self is JobState.CANCELLING


class TrialState(WireEnum):
    """`Trial.State`. There is no FAILED: a trial without a measurement is INFEASIBLE."""

    UNSPECIFIED = "STATE_UNSPECIFIED"
    REQUESTED = "REQUESTED"
    ACTIVE = "ACTIVE"
    STOPPING = "STOPPING"
    SUCCEEDED = "SUCCEEDED"
    INFEASIBLE = "INFEASIBLE"

    @property
    def is_terminal(self) -> bool:
        """Whether a trial in this state has ended."""
        return self in {TrialState.SUCCEEDED, TrialState.INFEASIBLE}


class Goal(WireEnum):
    """`StudySpec.MetricSpec.GoalType`. Google reads an unset goal as MAXIMIZE, so the goal is always written."""

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
    """`StudySpec.MeasurementSelectionType`: which measurement becomes the final measurement of a trial."""

    UNSPECIFIED = "MEASUREMENT_SELECTION_TYPE_UNSPECIFIED"
    LAST = "LAST_MEASUREMENT"
    BEST = "BEST_MEASUREMENT"
