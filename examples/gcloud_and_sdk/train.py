"""A Hydra app whose loss is known: the square of the distance of x from 2."""

import hydra
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Return the loss."""
    return float((config.x - 2) ** 2 + config.layers)


if __name__ == "__main__":
    main()
