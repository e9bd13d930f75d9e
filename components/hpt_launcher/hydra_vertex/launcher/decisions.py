"""What a pipeline does with a study that is not good enough. The first value of each is the default."""

from __future__ import annotations

FAIL = "fail"
SELECT = "select"
SKIP_RETRAINING = "skip-retraining"

ON_UNSUCCESSFUL_JOB = (FAIL, SELECT)
"""When the job did not succeed: fail the step, or select from what was measured."""
ON_MISSED_THRESHOLD = (FAIL, SKIP_RETRAINING)
"""When no trial is good enough: fail the step, or go on without a retraining."""
