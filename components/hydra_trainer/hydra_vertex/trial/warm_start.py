"""Finds the checkpoint that a retraining starts from: the best trial's, or its own when the step is retried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.protocol.checkpoints import newest_checkpoint
from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.protocol.executor import ExecutorInput
from hydra_vertex.trial.config.quoting import quote

BEST_CHECKPOINT = "best_checkpoint"
_KEY = "warm_start_key"


@dataclass(frozen=True, slots=True)
class WarmStart:
    """The checkpoint, and the key of the app's config that gets its path."""

    key: str
    checkpoint: Path
    is_own: bool

    @property
    def override(self) -> str:
        """The Hydra override."""
        return f"{self.key}={quote(str(self.checkpoint))}"

    def sentence(self) -> str:
        """Return one sentence for the user."""
        whose = "the checkpoint of this step's earlier attempt" if self.is_own else "the best trial's checkpoint"
        return f"starts from {whose}, {self.checkpoint} ({self.key})"


def warm_start(step: ExecutorInput, own_checkpoints: Path) -> WarmStart | None:
    """Return the checkpoint to start from; None when the pipeline asks for none.

    `own_checkpoints` is the retraining's own checkpoint folder, which has files when the step is retried. Raises
    CommandError when there is no checkpoint.
    """
    key = step.text(_KEY)
    if not key:
        return None
    if own := newest_checkpoint(own_checkpoints):
        return WarmStart(key, own, is_own=True)
    artifact = step.inputs.get(BEST_CHECKPOINT)
    found = newest_checkpoint(artifact.path) if artifact is not None and artifact.uri else None
    if found is None:
        place = artifact.uri if artifact is not None and artifact.uri else "the step's inputs"
        raise CommandError(
            f"--warm-start {key}: no checkpoint in {place}; a trial has to write one into $AIP_CHECKPOINT_DIR or into "
            "Hydra's output folder"
        )
    return WarmStart(key, found.absolute(), is_own=False)
