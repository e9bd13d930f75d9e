"""What a pipeline does with its study in the cases that users decide. The first value of each is the default."""

from __future__ import annotations

FAIL = "fail"
SELECT = "select"
SKIP_RETRAINING = "skip-retraining"
RUN = "run"
SKIP = "skip"

ON_UNSUCCESSFUL_JOB = (FAIL, SELECT)
"""When the job did not succeed: fail the step, or select from what was measured."""
ON_MISSED_THRESHOLD = (FAIL, SKIP_RETRAINING)
"""When no trial is good enough: fail the step, or go on without a retraining."""
RETRAINING = (RUN, SKIP)
"""Whether the app is retrained with the best config; if not, the pipeline's model is that of the best trial."""

NEW = ""
ATTACH = "attach"
REUSE = "reuse"
ON_EQUAL_STUDY = (NEW, ATTACH, REUSE)
"""When a job with the same study key exists: make a new job, watch one in progress, or take a finished one too."""
CANCEL = "cancel"
DETACH = "detach"
ON_STOP = (CANCEL, DETACH)
"""When a signal stops the step that watches its job: cancel the job, or leave it running."""
