from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from hydra_vertex.job import ContainerSpec, HyperparameterTuningJob, TrialJobSpec, WorkerPoolSpec
from hydra_vertex.launcher.best.outputs import TrialOutputs, is_readable, trial_outputs
from launcher.jobs import make_job, make_trial

TRIAL = make_trial(3, 0.5)


def job_with(base: str) -> HyperparameterTuningJob:
    return dataclasses.replace(make_job([TRIAL]), trial_job_spec=TrialJobSpec((), base_output_uri=base), name="jobs/1")


def found(base: Path, *files: str) -> TrialOutputs:
    for name in files:
        path = base / "3" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return trial_outputs(job_with(f"{base}/"), TRIAL)


@pytest.mark.parametrize(
    ("files", "model", "checkpoint"),
    [
        ((), "", ""),
        (("model/weights.bin",), "model", ""),
        (("model/net.pt", "hydra/checkpoints/last.ckpt"), "model", "hydra/checkpoints/last.ckpt"),
        (("hydra/checkpoints/last.ckpt", "hydra/train.log"), "hydra/checkpoints", "hydra/checkpoints/last.ckpt"),
        (("hydra/model.joblib", "hydra/train.log"), "hydra", ""),
        (("checkpoints/a.pt", "hydra/train.log"), "checkpoints", "checkpoints/a.pt"),
        (("checkpoints/a.pt", "hydra/last.ckpt"), "hydra", "checkpoints/a.pt"),
        (("model/net.pt",), "model", "model/net.pt"),
        (("hydra/train.log", "hydra/.hydra/config.yaml", "logs/events"), "", ""),
    ],
)
def test_the_model_and_the_checkpoint_are_where_the_trial_wrote_them(
    tmp_path: Path, files: tuple[str, ...], model: str, checkpoint: str
) -> None:
    outputs = found(tmp_path, *files)
    root = f"{tmp_path}/3/"

    assert outputs.model == (root + model if model else "")
    assert outputs.checkpoint == (root + checkpoint if checkpoint else "")
    assert outputs.checkpoint_dir == (str(Path(root + checkpoint).parent) if checkpoint else "")
    assert outputs.is_read


def test_a_sentence_says_where_the_model_is(tmp_path: Path) -> None:
    (note,) = found(tmp_path / "a", "hydra/checkpoints/last.ckpt").notes
    assert note == (
        f"the model of trial 3 is in {tmp_path}/a/3/hydra/checkpoints/: the app wrote it into Hydra's output folder, "
        "not into $AIP_MODEL_DIR"
    )
    (note,) = found(tmp_path / "b", "model/x").notes
    assert note == f"the model of trial 3 is in {tmp_path}/b/3/model/"
    (note,) = found(tmp_path / "c").notes
    assert note.startswith(f"trial 3 wrote no model: {tmp_path}/c/3/model/ is empty")


def test_a_folder_that_the_command_chose_is_named(tmp_path: Path) -> None:
    pool = WorkerPoolSpec(ContainerSpec(command=("hydra-trial", "--", "python", "train.py", "hydra.run.dir=out")))
    spec = TrialJobSpec((pool,), base_output_uri=str(tmp_path))
    (note,) = trial_outputs(dataclasses.replace(job_with(""), trial_job_spec=spec), TRIAL).notes

    assert note.endswith("; its command sets hydra.run.dir=out, so the model may be there")


def test_without_an_output_directory_there_is_no_model() -> None:
    outputs = trial_outputs(job_with(""), TRIAL)

    assert (outputs.model, outputs.checkpoint, outputs.is_read) == ("", "", True)
    assert outputs.notes == ("jobs/1 has no trialJobSpec.baseOutputDirectory, so trial 3 has no folder for its model",)


@pytest.mark.skipif(Path("/gcs/no-such-bucket").exists(), reason="a bucket of this name is mounted")
def test_a_bucket_that_is_not_mounted_leaves_the_model_unseen() -> None:
    outputs = trial_outputs(job_with("gs://no-such-bucket/runs"), TRIAL)

    assert outputs.model == "gs://no-such-bucket/runs/3/model"
    assert outputs.checkpoint_dir == "gs://no-such-bucket/runs/3/checkpoints"
    assert (outputs.checkpoint, outputs.is_read) == ("", False)
    assert "cannot be read from here" in outputs.notes[0]


def test_a_path_is_readable_whether_it_exists_or_not(tmp_path: Path) -> None:
    assert is_readable(str(tmp_path / "none"))
    assert not is_readable("s3://no-such-bucket/x")
