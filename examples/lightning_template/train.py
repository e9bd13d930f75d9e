import hydra
from lightning import seed_everything


@hydra.main(version_base="1.3", config_path="configs", config_name="train.yaml")
def main(cfg):
    seed_everything(cfg.seed, workers=True)
    data, model = hydra.utils.instantiate(cfg.data), hydra.utils.instantiate(cfg.model)
    trainer = hydra.utils.instantiate(cfg.trainer)
    trainer.fit(model=model, datamodule=data)
    return trainer.callback_metrics[cfg.optimized_metric]


if __name__ == "__main__":
    main()
