"""Record learning curves: train the sample GPT, or an MLP on scikit-learn's digits, with random hyperparameters.

    python benchmarks/curves/record.py gpt     # about five minutes of one core -> gpt.json
    python benchmarks/curves/record.py digits  # about two minutes of one core -> digits.json

A run is one point of the space with its curve: validation losses, `interval` steps apart, and the seconds of the whole
run. The last loss is the final value. A run with a smaller batch has more steps, because all see the same data.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from hydra_vertex.protocol.files import write_atomic

HERE = Path(__file__).resolve().parent
TRAINER = HERE.parents[1] / "trainer"

Point = dict[str, float]
Curve = list[tuple[int, float, float]]

GPT_RUNS = 96
GPT_TRAIN_BYTES = 160_000
GPT_VALIDATIONS = 12
DIGITS_RUNS = 384
DIGITS_EPOCHS = 27

SPACES: Mapping[str, Mapping[str, tuple[float, float, str]]] = {
    "gpt": {
        "optimizer.lr": (1e-4, 1e-1, "log"),
        "model.depth": (1, 4, "integer"),
        "model.width": (16, 64, "integer by 16"),
        "data.batch_size": (8, 64, "log integer"),
    },
    "digits": {
        "learning_rate": (1e-4, 1e-1, "log"),
        "hidden": (4, 128, "log integer"),
        "alpha": (1e-6, 1.0, "log"),
        "batch_size": (8, 256, "log integer"),
    },
}


def sample(space: str, source: random.Random) -> Point:
    return {name: draw(*bounds, source) for name, bounds in SPACES[space].items()}


def draw(low: float, high: float, kind: str, source: random.Random) -> float:
    if kind == "integer by 16":
        return 16 * source.randint(int(low) // 16, int(high) // 16)
    if kind == "integer":
        return source.randint(int(low), int(high))
    value = math.exp(source.uniform(math.log(low), math.log(high)))
    return round(value) if kind == "log integer" else float(f"{value:.4g}")


def train_gpt(point: Point) -> Curve:
    """Return the curve of the sample trainer's model, data and schedule, with GPT_VALIDATIONS validations."""
    sys.path.insert(0, str(TRAINER))
    from hydra import compose, initialize_config_dir
    from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything

    from datamodule import CorpusData
    from gpt import GPT
    from module import LanguageModel
    from settings import read_settings
    from train import silence_lightning

    silence_lightning()
    fixed = (
        f"trainer.train_bytes={GPT_TRAIN_BYTES}",
        f"trainer.validations={GPT_VALIDATIONS}",
        "data.val_fraction=0.02",
    )
    with initialize_config_dir(str(TRAINER / "conf"), version_base="1.3"):
        settings = read_settings(compose("train", [*fixed, *(f"{name}={value}" for name, value in point.items())]))
    seed_everything(settings.seed, verbose=False)
    data = CorpusData(settings.data, settings.seed)
    steps = settings.total_steps
    curve: Curve = []
    started = time.perf_counter()

    class Record(Callback):
        def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002 - Lightning's
            value = float(trainer.callback_metrics["val/loss"])
            curve.append((trainer.global_step, round(time.perf_counter() - started, 3), float(f"{value:.5g}")))

    interval = max(1, steps // GPT_VALIDATIONS)
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=interval * GPT_VALIDATIONS,
        val_check_interval=interval,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        gradient_clip_val=settings.trainer.gradient_clip_norm,
        callbacks=[Record()],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    trainer.fit(LanguageModel(GPT(settings.model), settings.optimizer, steps), data)
    return curve


def train_digits(point: Point) -> Curve:
    """Return the validation cross-entropy after each epoch of Adam; the last third of the data is for validation."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    inputs, labels = load_digits(return_X_y=True)
    inputs, split = inputs / 16, 1200
    model = MLPClassifier(
        hidden_layer_sizes=(int(point["hidden"]),),
        learning_rate_init=point["learning_rate"],
        alpha=point["alpha"],
        batch_size=int(point["batch_size"]),
        random_state=1,
    )
    steps_per_epoch = math.ceil(split / point["batch_size"])
    curve: Curve = []
    started = time.perf_counter()
    for epoch in range(1, DIGITS_EPOCHS + 1):
        model.partial_fit(inputs[:split], labels[:split], classes=np.arange(10))
        value = log_loss(labels[split:], model.predict_proba(inputs[split:]))
        curve.append((epoch * steps_per_epoch, round(time.perf_counter() - started, 3), float(f"{value:.5g}")))
    return curve


RECORDERS: Mapping[str, tuple[Callable[[Point], Curve], int]] = {
    "gpt": (train_gpt, GPT_RUNS),
    "digits": (train_digits, DIGITS_RUNS),
}


def record(space: str, runs: int) -> None:
    train, _ = RECORDERS[space]
    file = HERE / f"{space}.json"
    source = random.Random(f"curves of {space}")  # noqa: S311 - sampling, no secret
    points = [sample(space, source) for _ in range(runs)]
    lines = []
    for point in points:
        curve = train(point)
        values = [value for _, _, value in curve]
        run = {"point": point, "interval": curve[0][0], "seconds": curve[-1][1], "values": values}
        lines.append(json.dumps(run, separators=(",", ":")))
        print(f"{len(lines)}/{runs}", point, curve[-1], file=sys.stderr, flush=True)
        write_atomic(file, "[\n" + ",\n".join(lines) + "\n]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("space", choices=sorted(RECORDERS))
    parser.add_argument("--runs", type=int, help="number of runs (default: that of the published table)")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    record(arguments.space, arguments.runs or RECORDERS[arguments.space][1])


if __name__ == "__main__":
    main()
