"""The typed part of the app's config."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Dict, List, Optional  # noqa: UP035 - OmegaConf 2.2 reads these

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


class Precision(Enum):
    FP32 = "32-true"
    FP16 = "16-mixed"
    BF16 = "bf16-mixed"


class Level(Enum):
    LOW = 1
    HIGH = 2


@dataclass
class Stage:
    epochs: int = 1
    lr: float = 0.1


@dataclass
class Trainer:
    epochs: int = 10
    lr: float = 0.01
    deterministic: bool = False
    run_name: str = "baseline"
    precision: Precision = Precision.FP32
    level: Level = Level.LOW
    root: Path = Path("data")
    patience: Optional[int] = None  # noqa: UP045 - OmegaConf 2.2 reads this
    clip: Optional[float] = 1.0  # noqa: UP045
    tag: Optional[str] = None  # noqa: UP045
    resume: Optional[bool] = None  # noqa: UP045
    fallback: Optional[Precision] = None  # noqa: UP045
    scratch: Optional[Path] = None  # noqa: UP045
    devices: int = MISSING
    host: str = MISSING
    anything: Any = None
    hidden: List[int] = field(default_factory=lambda: [64, 64])  # noqa: UP006
    betas: List[float] = field(default_factory=lambda: [0.9, 0.999])  # noqa: UP006
    names: List[str] = field(default_factory=lambda: ["a", "b"])  # noqa: UP006
    weights: Dict[str, float] = field(default_factory=lambda: {"cat": 1.0, "dog": 2.0})  # noqa: UP006
    stages: List[Stage] = field(default_factory=lambda: [Stage(), Stage(epochs=5, lr=0.01)])  # noqa: UP006


@dataclass
class Cosine:
    steps: int = 1000
    floor: float = 0.0


@dataclass
class Step:
    every: int = 30
    gamma: float = 0.1
    strict: bool = True


def store() -> None:
    configs = ConfigStore.instance()
    configs.store(name="trainer_schema", node=Trainer, package="trainer")
    configs.store(group="scheduler", name="cosine", node=Cosine)
    configs.store(group="scheduler", name="step", node=Step)
