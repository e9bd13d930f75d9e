"""The unmodified lightning-hydra-template under hydra-trial, from a checkout that an environment variable names."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = "LIGHTNING_HYDRA_TEMPLATE"
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
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the lightning-hydra-template needs {', '.join(missing)}")
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


def run_template(folder: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        command, cwd=folder, env={**kept, **environ}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip


def test_the_template_trains_with_the_parameters_and_its_own_metric_is_reported(template: Path) -> None:
    parameters = ["--model.optimizer.lr=0.01", "--data.batch_size=64.0", "--model.net.lin1_size=32.0"]
    overrides = ["model.optimizer.lr=0.01", "data.batch_size=64", "model.net.lin1_size=32"]
    runs = ["hydra.run.dir=logs/alone"], ["hydra.run.dir=logs/under"]
    alone = run_template(template, sys.executable, "src/train.py", *SHORT, *overrides, *runs[0])
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
