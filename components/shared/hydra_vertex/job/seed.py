"""The seed of a study, as a label of the job: the API has no field for it, and only the embedded service reads it."""

from __future__ import annotations

from collections.abc import Mapping

SEED_LABEL = "hydra-vertex-seed"


def seed_labels(seed: int | None) -> dict[str, str]:
    """Return the label of a seed; no label for None."""
    return {} if seed is None else {SEED_LABEL: str(seed)}


def seed_text(labels: Mapping[str, str], job_id: str) -> str:
    """Return the text from which the random numbers of a study are derived: its seed, else the id of its job."""
    return f"seed {labels[SEED_LABEL]}" if SEED_LABEL in labels else job_id
