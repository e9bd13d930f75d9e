"""What `check`, `run` and `submit` do with the best trial's model: no retraining, a warm start, an experiment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.apps import APP, CONFIG, Project, make_project

SAVES = """
    from hydra.core.hydra_config import HydraConfig
    print("starts from", config.ckpt_path)
    checkpoints = Path(HydraConfig.get().runtime.output_dir, "checkpoints")
    checkpoints.mkdir(exist_ok=True)
    (checkpoints / "last.ckpt").write_text(f"{config.lr}")
    if folder := None:
"""
RUN = ("run", "--search", "search.yaml", "--trials", "2", "--parallel", "2", "--out", "out")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose app writes its checkpoints into Hydra's folder and nothing into AIP_MODEL_DIR."""
    project = make_project(tmp_path)
    project.write("app.py", APP.replace('    if folder := os.environ.get("AIP_MODEL_DIR"):\n', SAVES))
    project.write("conf/config.yaml", f"{CONFIG}ckpt_path: null\n")
    return project


def test_a_retraining_starts_from_the_best_trials_checkpoint_and_is_compared(project: Project) -> None:
    ended = project.hydra_vertex(*RUN, "--warm-start", "ckpt_path", "--json", "--", "python", "app.py")

    assert ended.code == 0, ended.stderr
    result = json.loads(ended.stdout)
    checkpoint = result["bestCheckpoint"]
    assert checkpoint.endswith(f"/{result['bestTrial']}/hydra/checkpoints/last.ckpt")
    assert result["bestModel"] == str(Path(checkpoint).parent)
    assert f"hydra-trial: starts from the best trial's checkpoint, {checkpoint} (ckpt_path)" in ended.stderr
    assert f"starts from {checkpoint}" in ended.stderr
    assert result["comparison"] == (
        f"retrained val/loss = {result['retrainedValue']!r}, the same as that of trial {result['bestTrial']}"
    )
    retrained = project.path / "out/model/checkpoints/last.ckpt"
    assert retrained.read_text() == Path(checkpoint).read_text()


def test_without_a_retraining_the_model_is_the_best_trials(project: Project) -> None:
    ended = project.hydra_vertex(*RUN, "--no-retrain", "--", "python", "app.py")

    assert ended.code == 0, ended.stderr
    assert ended.stdout.partition("\n")[0].endswith(", not retrained")
    assert "hydra-trial: nothing is retrained, and the model is that of the best trial, " in ended.stderr
    assert "starts from" not in ended.stderr
    assert (project.path / "out/model/last.ckpt").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--warm-start", "ckpt_pat"), "--warm-start ckpt_pat: "),
        (("--warm-start", "depth"), "--warm-start depth: the search space has this key too"),
        (("--warm-start", "sleep_s"), "--warm-start sleep_s: "),
        (("--warm-start", "model"), "--warm-start model: "),
        (
            ("--warm-start", "ckpt_path", "--retrain", "ckpt_path=x"),
            "--retrain sets ckpt_path, which --warm-start sets",
        ),
        (("--no-retrain", "--retrain", "lr=1"), "--retrain lr=1 is for the retraining, and --no-retrain leaves it out"),
    ],
)
def test_a_key_that_takes_no_checkpoint_is_refused_before_anything_starts(
    project: Project, options: tuple[str, ...], message: str
) -> None:
    ended = project.hydra_vertex(*RUN, *options, "--", "python", "app.py")

    assert ended.code == 2
    assert f"hydra-vertex: {message}" in ended.stderr
    assert not (project.path / "out").exists()


def test_check_accepts_a_key_for_a_checkpoint(project: Project) -> None:
    for key in ("ckpt_path", "note"):
        ended = project.hydra_vertex("check", "--search", "search.yaml", "--warm-start", key, "--", "python", "app.py")
        assert ended.code == 0, ended.stderr


def test_an_experiment_needs_vertex_ai(project: Project) -> None:
    ended = project.hydra_vertex(*RUN, "--log-experiment", "tuning", "--", "python", "app.py")

    assert ended.code == 2
    assert ended.stderr.startswith("hydra-vertex: --log-experiment tuning: Vertex AI stores experiments")
    assert not (project.path / "out").exists()


def test_a_run_that_has_no_checkpoint_ends_before_the_retraining(project: Project) -> None:
    project.write("app.py", APP)
    ended = project.hydra_vertex(*RUN, "--warm-start", "note", "--", "python", "app.py")

    assert ended.code == 1
    assert "select_best: --warm-start note: the best trial has no checkpoint, so nothing is retrained" in ended.stderr
    assert not (project.path / "out/model").exists()
