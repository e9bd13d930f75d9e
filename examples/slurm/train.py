"""A Hydra app to tune: gradient descent that reports its loss at every step and goes on from its checkpoint."""

import json
import os
import time
from pathlib import Path

import hydra
from hypertune import HyperTune
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Return the loss after the last step."""
    checkpoint = Path(os.environ.get("AIP_CHECKPOINT_DIR", "checkpoints")) / "state.json"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = json.loads(checkpoint.read_text()) if checkpoint.exists() else {"step": 0, "x": 0.0, "speed": 0.0}
    print(f"begins at step {state['step']}", flush=True)
    report = HyperTune()
    for step in range(state["step"] + 1, config.steps + 1):
        time.sleep(config.seconds_per_step)
        speed = config.optimizer.momentum * state["speed"] - config.optimizer.lr * 2 * (state["x"] - 3)
        state = {"step": step, "x": state["x"] + speed, "speed": speed}
        part = checkpoint.with_suffix(".part")
        part.write_text(json.dumps(state))
        part.replace(checkpoint)
        report.report_hyperparameter_tuning_metric("loss", (state["x"] - 3) ** 2, step)
    return (state["x"] - 3) ** 2


if __name__ == "__main__":
    main()
