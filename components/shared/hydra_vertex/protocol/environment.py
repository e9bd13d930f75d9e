"""The environment variables that Vertex AI sets in a trial's container. They are all that identifies a trial.

Source of the names: https://cloud.google.com/vertex-ai/docs/training/code-requirements#environment-variables and the
source of cloudml-hypertune.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TRIAL_ID = "CLOUD_ML_TRIAL_ID"
METRIC_FILE = "CLOUD_ML_HP_METRIC_FILE"
METRIC_TAG = "CLOUD_ML_HP_METRIC_TAG"
JOB_ID = "CLOUD_ML_JOB_ID"
MODEL_DIR = "AIP_MODEL_DIR"
CHECKPOINT_DIR = "AIP_CHECKPOINT_DIR"
TENSORBOARD_LOG_DIR = "AIP_TENSORBOARD_LOG_DIR"

HYDRA_FOLDER = "hydra"
"""Hydra's output folder in a trial, beside the folder of AIP_MODEL_DIR."""

OUTPUT_DIR_FILE = "HYDRA_TRIAL_OUTPUT_DIR_FILE"
"""The variable with the file into which `hydra-trial` writes the path of Hydra's output folder."""

SWEEP_DIR = "HYDRA_TRIAL_SWEEP_DIR"
"""The variable with `hydra.sweep.dir` of the sweep that a trial is a job of; Hydra's output folder is then below it."""

DEFAULT_METRIC = "metric"
"""The metric's name when neither the user nor the service gives one."""


@dataclass(frozen=True, slots=True)
class OutputDirs:
    """The output folders of a trial: URIs that end in a slash, below `<base>/<trial id>/`."""

    model: str
    checkpoints: str
    tensorboard: str

    @property
    def hydra(self) -> str:
        """Hydra's own output folder, which `hydra-trial` puts beside the model's folder; it ends in a slash too."""
        return f"{self.model.rstrip('/').rpartition('/')[0]}/{HYDRA_FOLDER}/"

    @classmethod
    def below(cls, base_uri: str, trial_id: str) -> OutputDirs:
        """Return the folders of one trial. `base_uri` is the job's `baseOutputDirectory.outputUriPrefix`."""
        root = f"{base_uri.rstrip('/')}/{trial_id}"
        return cls(f"{root}/model/", f"{root}/checkpoints/", f"{root}/logs/")


@dataclass(frozen=True, slots=True)
class TrialEnvironment:
    """The values that a service gives one trial. `output_dirs` is None when the job has no output directory."""

    trial_id: str
    metric_file: str
    job_id: str
    output_dirs: OutputDirs | None = None

    def to_environ(self) -> dict[str, str]:
        """Return the environment variables that a service sets for the trial's process."""
        variables = {TRIAL_ID: self.trial_id, METRIC_FILE: self.metric_file, JOB_ID: self.job_id}
        if self.output_dirs is not None:
            variables[MODEL_DIR] = self.output_dirs.model
            variables[CHECKPOINT_DIR] = self.output_dirs.checkpoints
            variables[TENSORBOARD_LOG_DIR] = self.output_dirs.tensorboard
        return variables


def is_trial(environ: Mapping[str, str]) -> bool:
    """Whether a process with these environment variables is a trial of a study (a retraining is not)."""
    return bool(environ.get(TRIAL_ID))
