"""Replay: what another stopping rule, parallelism or budget would have cost and found, from the record of a study.

Everything is computed on a simulated clock from recorded trials and curves. The stopping rules are those that the
service applies. The functions are pure.
"""

from .compare import Outcome, outcome_of, require_possible
from .recorded_study import RecordedStudy, recorded_study
from .replay import Setting

__all__ = ["Outcome", "RecordedStudy", "Setting", "outcome_of", "recorded_study", "require_possible"]
