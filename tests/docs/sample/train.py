"""The app that the commands of pages without files of their own run."""

import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    return (cfg.optimizer.lr - 0.01) ** 2 + 1 / cfg.model.depth


if __name__ == "__main__":
    main()
