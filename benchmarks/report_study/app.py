"""A small Hydra app for the report's screenshots: a network of one hidden layer learns to tell two spirals apart.

It reports its validation loss after each epoch, as an app with cloudml-hypertune does, and ends with an error when the
loss is not finite. A wait in each epoch takes the place of a device, so that trials of one machine can run in parallel.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import hydra
import hypertune
import numpy
from numpy.typing import NDArray
from omegaconf import DictConfig

Numbers = NDArray[numpy.float64]
Function = Callable[[Numbers], Numbers]
ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "tanh": (numpy.tanh, lambda x: 1 - numpy.tanh(x) ** 2),
    "relu": (lambda x: numpy.maximum(x, 0), lambda x: (x > 0).astype(float)),
    "sine": (numpy.sin, numpy.cos),
}


NOISE = 0.16
"""Of the points; the two classes overlap, so that no network has a loss of 0."""


def spirals(count: int, noise: float, draw: numpy.random.Generator) -> tuple[Numbers, Numbers]:
    labels = draw.integers(0, 2, count).astype(float)
    angle = draw.uniform(0.5, 2.2, count) * numpy.pi
    turned = angle + numpy.pi * labels
    points = numpy.stack([angle * numpy.cos(turned), angle * numpy.sin(turned)], axis=1) / 4
    return points + draw.normal(0, noise, points.shape), labels


def loss_of(logits: Numbers, labels: Numbers) -> float:
    return float(numpy.mean(numpy.logaddexp(0, logits) - labels * logits))


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(config: DictConfig) -> float:
    draw = numpy.random.default_rng(config.seed)
    x, y = spirals(600, NOISE, draw)
    x_val, y_val = spirals(400, NOISE, draw)
    forward, slope = ACTIVATIONS[config.model.activation]
    w1, b1 = draw.normal(0, 1.5, (2, config.model.width)), draw.normal(0, 1, config.model.width)
    w2, b2 = draw.normal(0, 0.1, config.model.width), 0.0
    reporter, loss = hypertune.HyperTune(), 0.0
    for epoch in range(1, config.epochs + 1):
        for batch in numpy.array_split(draw.permutation(len(x)), len(x) // config.data.batch_size):
            hidden = x[batch] @ w1 + b1
            error = (1 / (1 + numpy.exp(-(forward(hidden) @ w2 + b2))) - y[batch]) / len(batch)
            back = numpy.outer(error, w2) * slope(hidden)
            w2 -= config.optimizer.lr * (forward(hidden).T @ error + config.optimizer.weight_decay * w2)
            b2 -= config.optimizer.lr * error.sum()
            w1 -= config.optimizer.lr * (x[batch].T @ back + config.optimizer.weight_decay * w1)
            b1 -= config.optimizer.lr * back.sum(axis=0)
        loss = loss_of(forward(x_val @ w1 + b1) @ w2 + b2, y_val)
        if not numpy.isfinite(loss) or loss > 30:
            raise FloatingPointError(f"the validation loss is {loss:.3g} after epoch {epoch}")
        reporter.report_hyperparameter_tuning_metric("val/loss", loss, global_step=epoch)
        print(f"epoch {epoch}: the validation loss is {loss:.4f}", flush=True)
        time.sleep(config.wait_s)
    return loss


if __name__ == "__main__":
    main()
