"""An app in the shape of the lightning-hydra-template, without its libraries: fits a line by gradient descent.

The metric that `main` returns is the one that `optimized_metric` names; without it the app returns nothing.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, open_dict

os.environ["PROJECT_ROOT"] = str(Path(__file__).resolve().parents[1])


@dataclass
class Data:
    """Noisy points of a line. `batch_size` must be a whole number: it is used as a slice."""

    data_dir: str
    batch_size: int
    noise: float

    def batches(self, source: random.Random) -> list[list[tuple[float, float]]]:
        points = [(x, 3 * x - 1 + source.gauss(0, self.noise)) for x in (source.random() for _ in range(64))]
        return [points[i : i + self.batch_size] for i in range(0, len(points), self.batch_size)]


@dataclass
class Momentum:
    """Gradient descent with momentum."""

    lr: float
    momentum: float

    def step(self, weights: list[float], speed: list[float], gradient: list[float]) -> None:
        for i, slope in enumerate(gradient):
            speed[i] = self.momentum * speed[i] - self.lr * slope
            weights[i] += speed[i]


def train(config: DictConfig) -> dict[str, float]:
    source = random.Random(config.seed)  # noqa: S311 - training data
    data, optimizer = (hydra.utils.instantiate(part) for part in (config.data, config.model.optimizer))
    weights, speed, error = [0.0, 0.0], [0.0, 0.0], 0.0
    for _ in range(config.trainer.max_epochs):
        error = 0.0
        for batch in data.batches(source):
            residuals = [(x, weights[0] * x + weights[1] - y) for x, y in batch]
            slopes = [sum(r * x for x, r in residuals), sum(r for _, r in residuals)]
            optimizer.step(weights, speed, [slope / len(batch) for slope in slopes])
            error += sum(r * r for _, r in residuals) / 64
    output = Path(config.paths.output_dir)
    output.joinpath(f"{config.task_name}.json").write_text(json.dumps({"weights": weights, "job": config.paths.job}))
    checkpoints = output / "checkpoints"  # as the template's ModelCheckpoint: ${paths.output_dir}/checkpoints
    checkpoints.mkdir(exist_ok=True)
    checkpoints.joinpath("last.ckpt").write_text(json.dumps(weights))
    return {"train/loss": error, "val/acc_best": 1 / (1 + error), "val/width": float(config.model.net.width)}


@hydra.main(version_base="1.3", config_path="../configs", config_name="train.yaml")
def main(config: DictConfig) -> float | None:
    if not config.get("tags"):
        with open_dict(config):
            config.tags = ["none"]
    metrics: dict[str, Any] = train(config) if config.train else {}
    name = config.get("optimized_metric")
    if not name:
        return None
    if name not in metrics:
        raise ValueError(f"metric {name!r} is not one of {', '.join(metrics)}")
    return float(metrics[name])


if __name__ == "__main__":
    main()
