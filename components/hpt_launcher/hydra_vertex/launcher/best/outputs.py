"""Finds the model and the checkpoint that the best trial wrote, without reading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.launcher.preflight.job_builder import app_in
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.checkpoints import newest_checkpoint
from hydra_vertex.protocol.environment import CHECKPOINT_DIR, MODEL_DIR, OutputDirs
from hydra_vertex.protocol.files import local_path
from hydra_vertex.protocol.model_files import common_folder, has_files, model_parts

_RUN_DIR = "hydra.run.dir"
_MOUNTS = ("/gcs", "/s3", "/minio")


@dataclass(frozen=True, slots=True)
class TrialOutputs:
    """Where the best trial's outputs are: URIs of folders without a slash at the end, empty when there is none.

    `checkpoint` is the URI of the newest checkpoint, in `checkpoint_dir`. `is_read` tells whether the folders could be
    read from here; otherwise both are the folders of the trial, unseen. `notes` are sentences for the user.
    """

    model: str = ""
    checkpoint_dir: str = ""
    checkpoint: str = ""
    is_read: bool = True
    notes: tuple[str, ...] = ()


def trial_outputs(job: HyperparameterTuningJob, trial: Trial) -> TrialOutputs:
    """Find the outputs of a trial: in the folders that the service gave it, then in Hydra's own output folder."""
    dirs = output_dirs(job, trial)
    if dirs is None:
        name = job.name or "the job"
        note = f"{name} has no trialJobSpec.baseOutputDirectory, so trial {trial.id} has no folder for its model"
        return TrialOutputs(notes=(note,))
    if not is_readable(dirs.model):
        note = f"{dirs.model} cannot be read from here, so it is not known whether trial {trial.id} wrote a model there"
        return TrialOutputs(_plain(dirs.model), _plain(dirs.checkpoints), is_read=False, notes=(note,))
    model, model_note = _model(trial.id, dirs)
    own = "" if model else _own_hydra_folder(job)
    folder, checkpoint = _checkpoint(dirs)
    return TrialOutputs(model, folder, checkpoint, notes=(f"{model_note}{own}",))


def output_dirs(job: HyperparameterTuningJob, trial: Trial) -> OutputDirs | None:
    """Return the folders that the service gave a trial; None when the job has no output directory."""
    base = job.trial_job_spec.base_output_uri
    return OutputDirs.below(base, trial.id) if base else None


def is_readable(uri: str) -> bool:
    """Whether a folder with this URI, if it exists, can be read here: its bucket has to be mounted."""
    path = local_path(uri)
    mount = next((mount for mount in _MOUNTS if path.is_relative_to(mount)), None)
    return mount is None or Path(mount, path.relative_to(mount).parts[0]).is_dir()


def metadata_of(outputs: TrialOutputs) -> Mapping[str, str]:
    """Return what the artifact of the checkpoint says about it."""
    return {"checkpoint": outputs.checkpoint} if outputs.checkpoint else {}


def _model(trial: str, dirs: OutputDirs) -> tuple[str, str]:
    """Return the URI of the model's folder, and a sentence about it."""
    if has_files(local_path(dirs.model)):
        return _plain(dirs.model), f"the model of trial {trial} is in {dirs.model}"
    for place, name in ((dirs.hydra, "Hydra's output folder"), (dirs.checkpoints, f"${CHECKPOINT_DIR}")):
        if parts := model_parts(local_path(place)):
            uri = _uri(place, common_folder(parts))
            return uri, f"the model of trial {trial} is in {uri}/: the app wrote it into {name}, not into ${MODEL_DIR}"
    return "", (
        f"trial {trial} wrote no model: {dirs.model} is empty, and no file in {dirs.hydra} or {dirs.checkpoints} has a "
        "model's name"
    )


def _own_hydra_folder(job: HyperparameterTuningJob) -> str:
    """Return which other place the app's command gives Hydra's output, as the end of a sentence; empty for none."""
    chosen = [word for word in app_in(job) or () if word.lstrip("+").startswith(f"{_RUN_DIR}=")]
    return f"; its command sets {excerpt(chosen[-1])}, so the model may be there" if chosen else ""


def _checkpoint(dirs: OutputDirs) -> tuple[str, str]:
    for place in (dirs.checkpoints, dirs.hydra, dirs.model):
        if found := newest_checkpoint(local_path(place)):
            return _uri(place, found.parent), _uri(place, found)
    return "", ""


def _uri(place: str, below: Path) -> str:
    """Return the URI of a path below the folder with the URI `place`."""
    relative = below.relative_to(local_path(place))
    return f"{_plain(place)}/{relative.as_posix()}" if relative.parts else _plain(place)


def _plain(uri: str) -> str:
    return uri.rstrip("/")
