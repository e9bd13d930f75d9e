"""Fits a line to the points of a CSV file by gradient descent: a Hydra app that knows nothing of hydra-vertex."""

import csv
import json
import os
from pathlib import Path
from statistics import fmean

import hydra
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Train on every second point. Return the mean squared error on the others."""
    with Path(config.data.path).open() as file:
        points = [(float(x), float(y)) for x, y in csv.reader(file)]
    slope = intercept = 0.0
    for _ in range(config.steps):
        errors = [(slope * x + intercept - y, x) for x, y in points[::2]]
        slope -= config.lr * fmean(error * x for error, x in errors)
        intercept -= config.lr * fmean(error for error, _ in errors)
    if folder := os.environ.get("AIP_MODEL_DIR"):
        Path(folder, "model.json").write_text(json.dumps({"slope": slope, "intercept": intercept}))
    return fmean((slope * x + intercept - y) ** 2 for x, y in points[1::2])


if __name__ == "__main__":
    main()
