"""Runs of `train.py` and `generate.py` as child processes."""

import re
from pathlib import Path

import pytest
import torch

TINY = ["experiment=docs", "model.depth=1", "model.width=32", "data.batch_size=16", "optimizer.lr=0.01"]
STEPS = 40


def losses(log: str) -> list[float]:
    """Return `val/loss` of each validation, in order."""
    return [float(loss) for loss in re.findall(r"step \d+ of \d+: val/loss (\S+)", log)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("train")


@pytest.fixture(scope="module")
def vertex(folder) -> dict[str, str]:
    return {"AIP_CHECKPOINT_DIR": str(folder / "3" / "checkpoints"), "AIP_MODEL_DIR": (folder / "3/model").as_uri()}


@pytest.fixture(scope="module")
def first_run(run_script, folder, vertex):
    return run_script("train.py", *TINY, f"trainer.max_steps={STEPS}", cwd=folder, environment=vertex)


@pytest.fixture(scope="module")
def run_dir(run_script, first_run, folder) -> Path:
    """The output folder of the same run without the environment variables of Vertex AI."""
    path = folder / "plain"
    second = run_script("train.py", *TINY, f"trainer.max_steps={STEPS}", f"hydra.run.dir={path}", cwd=folder)
    assert second.returncode == 0, second.stderr
    return path


def test_a_run_logs_a_sample_and_its_loss_at_the_end(first_run):
    assert first_run.returncode == 0, first_run.stderr
    *_, sample, last = first_run.stdout.splitlines()
    assert "sample: 'The " in sample
    assert f"val/loss {losses(first_run.stdout)[-1]:.4f} nats per byte" in last


def test_a_run_prints_only_log_messages(first_run):
    # Lightning has a hint for machines with Slurm's commands.
    assert [line for line in first_run.stderr.splitlines() if "/environments/slurm.py:" not in line] == []
    assert [
        line for line in first_run.stdout.splitlines() if not re.match(r"\[[\d :,-]+\]\[\w+\]\[INFO\] - ", line)
    ] == []


def test_the_loss_decreases_during_training(first_run):
    val_losses = losses(first_run.stdout)
    assert len(val_losses) == 4
    assert val_losses == sorted(val_losses, reverse=True)
    assert val_losses[-1] < val_losses[0] - 0.2


def test_checkpoint_and_model_are_written_to_the_folders_of_vertex_ai(first_run, folder):
    assert torch.load(folder / "3/checkpoints/last.ckpt", weights_only=True)["global_step"] == STEPS
    assert {path.name for path in (folder / "3/model").iterdir()} == {"model.pt", "config.yaml"}


def test_without_vertex_ai_all_files_are_in_the_output_folder_of_hydra(run_dir):
    assert (run_dir / "checkpoints/last.ckpt").is_file()
    assert (run_dir / "model/model.pt").is_file()
    assert "val/loss" in (run_dir / "csv/metrics.csv").read_text()


def test_the_same_config_gives_the_same_loss_and_weights(first_run, run_dir, folder):
    assert losses((run_dir / "train.log").read_text()) == losses(first_run.stdout)
    first, second = (torch.load(path / "model/model.pt", weights_only=True) for path in (folder / "3", run_dir))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_restart_continues_from_the_last_checkpoint(first_run, run_script, folder, vertex):
    again = run_script("train.py", *TINY, f"trainer.max_steps={STEPS + 20}", cwd=folder, environment=vertex)
    assert again.returncode == 0, again.stderr
    assert f"resumes at step {STEPS} of {STEPS + 20}" in again.stdout
    assert losses(again.stdout)[-1] < losses(first_run.stdout)[-1]
    assert torch.load(folder / "3/checkpoints/last.ckpt", weights_only=True)["global_step"] == STEPS + 20


def test_a_run_trains_on_a_folder_of_texts_with_sgd(run_script, tmp_path):
    (tmp_path / "texts").mkdir()
    for name in ("a.md", "b.md"):
        (tmp_path / "texts" / name).write_text("Grüße an die Welt. " * 200, encoding="utf-8")
    run = run_script("train.py", *TINY, "optimizer=sgd", "data.path=texts", "trainer.max_steps=5", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "bytes of text" in run.stdout
    assert len(list(tmp_path.glob("outputs/docs/*/model/model.pt"))) == 1


def test_the_error_for_a_missing_data_path_names_the_path(run_script, tmp_path):
    run = run_script("train.py", *TINY, "data.path=nowhere", cwd=tmp_path)
    assert run.returncode == 1
    assert "FileNotFoundError: data.path is 'nowhere': no such file or folder" in run.stderr


def test_generate_prints_text_from_a_model_folder(run_script, run_dir, folder):
    run = run_script("generate.py", str(run_dir / "model"), "--prompt=def ", "--length-bytes=20", cwd=folder)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("def ")


def test_the_error_for_a_folder_without_a_model_names_the_folder(run_script, tmp_path):
    run = run_script("generate.py", str(tmp_path), cwd=tmp_path)
    assert run.returncode == 2
    assert f"error: '{tmp_path}' is not a model folder: it has no config.yaml" in run.stderr
