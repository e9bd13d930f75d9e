"""Trains a small byte-level GPT on text and returns its `val/loss`; `python train.py experiment=docs` takes seconds."""

import logging
import sys
import warnings
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from omegaconf import DictConfig

from datamodule import CorpusData
from gpt import GPT, generate
from module import LanguageModel
from outputs import Outputs, find_outputs
from saved_model import save_model
from settings import PRECISIONS, Settings, read_settings

log = logging.getLogger(__name__)

SAMPLE_PROMPT = b"The "
SAMPLE_LENGTH_BYTES = 160


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(config: DictConfig) -> float:
    silence_lightning()
    settings = read_settings(config)
    outputs = find_outputs(Path(HydraConfig.get().runtime.output_dir))
    seed_everything(settings.seed, verbose=False)
    model = GPT(settings.model)
    val_loss = fit(model, settings, outputs)
    save_model(model, config, outputs.model_dir)
    # %r keeps the sample on one line and escapes the control characters that a poorly trained model generates.
    log.info("sample: %r", generate(model, SAMPLE_PROMPT, SAMPLE_LENGTH_BYTES).decode(errors="replace"))
    log.info("val/loss %.4f nats per byte; model in %s", val_loss, outputs.model_dir)
    return val_loss


def fit(model: GPT, settings: Settings, outputs: Outputs) -> float:
    """Train `model` in place, from the last checkpoint if it exists. Return the final `val/loss` in nats per byte."""
    data = CorpusData(settings.data, settings.seed)
    steps = settings.total_steps
    log.info("%d bytes of text, %d parameters, %d steps", data.size_bytes, model.parameter_count(), steps)
    if settings.trainer.compile:
        model.compile()
    module = LanguageModel(model, settings.optimizer, steps)
    trainer = build_trainer(settings, outputs)
    resume_from = outputs.last_checkpoint if outputs.last_checkpoint.is_file() else None
    trainer.fit(module, data, ckpt_path=resume_from)
    trainer.save_checkpoint(outputs.last_checkpoint)
    return float(trainer.validate(module, data, verbose=False)[0]["val/loss"])


def build_trainer(settings: Settings, outputs: Outputs) -> Trainer:
    interval = settings.validation_interval
    return Trainer(
        accelerator=settings.trainer.accelerator,
        devices=1,
        precision=PRECISIONS[settings.trainer.precision],
        max_steps=settings.total_steps,
        val_check_interval=interval,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        gradient_clip_val=settings.trainer.gradient_clip_norm,
        callbacks=[keep_last_checkpoint(outputs.checkpoint_dir, interval)],
        logger=CSVLogger(outputs.run_dir, name="csv", version=""),
        log_every_n_steps=max(1, settings.total_steps // 20),
        enable_model_summary=False,
        enable_progress_bar=sys.stdout.isatty(),
    )


def keep_last_checkpoint(folder: Path, interval_steps: int) -> ModelCheckpoint:
    return ModelCheckpoint(
        folder, save_last=True, save_top_k=0, every_n_train_steps=interval_steps, enable_version_counter=False
    )


def silence_lightning() -> None:
    """Turn off Lightning's tips and device list; keep its warnings, except one about Lightning's own use of torch."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*LeafSpec")


if __name__ == "__main__":
    main()
