"""Writes and reads a model folder: the weights in `model.pt` and the config of the run in `config.yaml`."""

from pathlib import Path
from typing import cast

import torch
from omegaconf import DictConfig, OmegaConf

from gpt import GPT
from settings import read_model

WEIGHTS_FILE = "model.pt"
CONFIG_FILE = "config.yaml"


def save_model(model: GPT, config: DictConfig, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, folder / CONFIG_FILE, resolve=True)
    unfinished = folder / f"{WEIGHTS_FILE}.part"
    torch.save(model.state_dict(), unfinished)
    unfinished.replace(folder / WEIGHTS_FILE)


def load_model(folder: Path) -> GPT:
    """Load the model on the CPU. Raises FileNotFoundError when one of the two files is missing."""
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"'{folder}' is not a model folder: it has no {name}")
    config = cast(DictConfig, OmegaConf.load(folder / CONFIG_FILE))
    model = GPT(read_model(config))
    model.load_state_dict(torch.load(folder / WEIGHTS_FILE, map_location="cpu", weights_only=True))
    return model
