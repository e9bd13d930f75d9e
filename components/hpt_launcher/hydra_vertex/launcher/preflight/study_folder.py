"""The folder of a study's output, which no other study has: a trial resumes from what its folder contains. Pure."""

from __future__ import annotations

import re

TRIAL_FOLDER = "trials"
_NAME_LENGTH = 48


def study_folder(root: str, display_name: str, study_id: str) -> str:
    """Return the folder of a study's trials below `root`: `gs://b/runs/train-docs-20260131-120000-1a2b3c/trials`.

    `study_id` differs from one study to the next.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", display_name).strip("-.")[:_NAME_LENGTH] or "study"
    return f"{root.rstrip('/')}/{name}-{study_id}/{TRIAL_FOLDER}"
