"""A Hydra app to tune: the distance of a quadratic function from its minimum, after some steps of descent."""

import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    x = 0.0
    for _ in range(config.steps):
        x -= config.lr * 2 * (x - 3)
    return (x - 3) ** 2


if __name__ == "__main__":
    main()
