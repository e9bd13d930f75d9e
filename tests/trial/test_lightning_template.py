"""The unmodified lightning-hydra-template under hydra-trial, from a checkout that an environment variable names."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

CHECKOUT = "LIGHTNING_HYDRA_TEMPLATE"
PROGRAMS = "LIGHTNING_HYDRA_TEMPLATE_BIN"
"""Names the folder with the Python of the template's own environment; it does not need hydra-vertex."""
COMMIT = "bddbc24b82ab6ccfa6243e815a49dc5bfe8d4144"
NEEDED = ("lightning", "torchvision", "rootutils", "rich", "colorlog")
SHORT = (
    "trainer.max_epochs=1",
    "+trainer.limit_train_batches=4",
    "+trainer.limit_val_batches=2",
    "test=False",  # torch 2.6 and later refuse the template's way of loading the best checkpoint
    "seed=7",
    "+optimized_metric=val/acc_best",
)
IMAGES = {"train": 60_000, "t10k": 10_000}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with generated images in the format of torchvision's MNIST."""
    checkout = os.environ.get(CHECKOUT)
    if not checkout:
        pytest.skip(f"{CHECKOUT} does not name a checkout of ashleve/lightning-hydra-template at {COMMIT}")
    code = f"import importlib.util as u; print(*[n for n in {NEEDED} if u.find_spec(n) is None])"
    missing = subprocess.run([python(), "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    if missing.strip():
        pytest.skip(f"the lightning-hydra-template needs {missing.strip()}; {PROGRAMS} names its environment")
    folder = tmp_path_factory.mktemp("template") / "app"
    shutil.copytree(checkout, folder, ignore=shutil.ignore_patterns(".git"))
    for name, count in IMAGES.items():
        write_mnist(folder / "data/MNIST/raw", name, count)
    return folder


def write_mnist(folder: Path, name: str, count: int) -> None:
    """`count` noisy images with their labels as IDX files: magic number, sizes, bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    source = random.Random(name)  # noqa: S311 - pictures, not secrets
    images = struct.pack(">4i", 0x803, count, 28, 28) + source.randbytes(count * 28 * 28)
    labels = struct.pack(">2i", 0x801, count) + bytes(source.randrange(10) for _ in range(count))
    (folder / f"{name}-images-idx3-ubyte").write_bytes(images)
    (folder / f"{name}-labels-idx1-ubyte").write_bytes(labels)


def python() -> str:
    """The Python of the template's environment."""
    return str(Path(os.environ.get(PROGRAMS, Path(sys.executable).parent), "python"))


def run_template(folder: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    path = os.pathsep.join([str(Path(python()).parent), os.environ.get("PATH", os.defpath)])
    environment = {**kept, "PATH": path, **environ}
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip


def test_the_template_trains_with_the_parameters_and_its_own_metric_is_reported(template: Path) -> None:
    parameters = ["--model.optimizer.lr=0.01", "--data.batch_size=64.0", "--model.net.lin1_size=32.0"]
    overrides = ["model.optimizer.lr=0.01", "data.batch_size=64", "model.net.lin1_size=32"]
    runs = ["hydra.run.dir=logs/alone"], ["hydra.run.dir=logs/under"]
    alone = run_template(template, python(), "src/train.py", *SHORT, *overrides, *runs[0])
    command = [sys.executable, "-m", "hydra_vertex.trial", "--", "python", "src/train.py", *SHORT, *parameters]
    under = run_template(
        template, *command, *runs[1], CLOUD_ML_HP_METRIC_FILE=str(template / "metrics"), CLOUD_ML_TRIAL_ID="3"
    )
    assert alone.returncode == 0, alone.stderr[-3000:]
    assert under.returncode == 0, under.stderr[-3000:]

    assert composed(template / "logs/under") == composed(template / "logs/alone")
    (line,) = (template / "metrics").read_text().splitlines()[-1:]
    record = json.loads(line)
    assert f"Retrieved metric value! <val/acc_best={record['val/acc_best']}>" in alone.stdout + alone.stderr
    assert record["trial"] == "3"


def composed(run_dir: Path) -> str:
    return (run_dir / ".hydra/config.yaml").read_text()


def test_an_unknown_parameter_is_refused_before_anything_is_created(template: Path) -> None:
    command = [sys.executable, "-m", "hydra_vertex.trial", "--", "python", "src/train.py", "--model.optimiser.lr=0.01"]
    ended = run_template(template, *command)
    assert ended.returncode == 2
    assert "model.optimizer.lr" in ended.stderr
    assert not (template / "logs/train").exists()


SEARCH = "configs/hparams_search/mnist_optuna.yaml"
TUNED = tuple(override for override in SHORT if "optimized_metric" not in override)


def hydra_vertex(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_template(folder, sys.executable, "-m", "hydra_vertex.cli.main", *arguments)


@dataclass(frozen=True)
class Tuned:
    out: Path
    result: dict[str, Any]


@pytest.fixture(scope="module")
def tuned(template: Path) -> Tuned:
    """A run with the template's own search file."""
    options = ("--search", SEARCH, "--trials", "3", "--parallel", "2", "--out", "out", "--json")
    ended = hydra_vertex(template, "run", *options, "--", "python", "src/train.py", *TUNED)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return Tuned(template / "out", json.loads(ended.stdout))


def test_check_accepts_the_search_file_of_the_template(template: Path) -> None:
    ended = hydra_vertex(template, "check", "--search", SEARCH, "--", "python", "src/train.py", *TUNED)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "maximize val/acc_best, 20 trials" in ended.stdout


def test_check_accepts_the_search_file_that_the_command_chooses(template: Path) -> None:
    if run_template(template, python(), "-c", "import hydra_plugins.hydra_optuna_sweeper").returncode:
        pytest.skip("hparams_search=mnist_optuna needs hydra-optuna-sweeper in the template's environment")
    ended = hydra_vertex(template, "check", "--", "python", "src/train.py", "hparams_search=mnist_optuna", *TUNED)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "maximize val/acc_best, 20 trials" in ended.stdout


def test_the_best_trial_is_selected_by_the_metric_of_the_search_file_and_retrained(tuned: Tuned) -> None:
    job = json.loads((tuned.out / "job.json").read_text())
    values = [trial["finalMeasurement"]["metrics"][0]["value"] for trial in job["trials"]]
    assert tuned.result["value"] == max(values)
    assert tuned.result["retrainedValue"] == pytest.approx(tuned.result["value"])


def test_the_best_experiment_gives_the_values_of_the_best_trial(template: Path, tuned: Tuned) -> None:
    shutil.copy(tuned.out / "best.yaml", template / "configs/experiment/best.yaml")
    shown = run_template(template, python(), "src/train.py", *TUNED, "experiment=best", "--cfg", "job")
    assert shown.returncode == 0, shown.stderr[-3000:]
    config = OmegaConf.create(shown.stdout)
    for override in tuned.result["overrides"]:
        key, _, value = override.lstrip("+").partition("=")
        assert str(OmegaConf.select(config, key)) == value
