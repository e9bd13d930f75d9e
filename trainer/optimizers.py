"""The optimizers of the `optimizer` config group, and the learning rate schedule."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn, optim

FINAL_LR_FRACTION = 0.1


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up over `warmup_fraction` of all steps, then cosine decay to FINAL_LR_FRACTION."""

    total_steps: int
    warmup_fraction: float

    def __call__(self, step: int) -> float:
        """Return the factor on the learning rate at `step`, counted from 0."""
        warmup_steps = self.warmup_fraction * self.total_steps
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        progress = min(1.0, (step - warmup_steps) / max(1.0, self.total_steps - warmup_steps))
        return FINAL_LR_FRACTION + (1 - FINAL_LR_FRACTION) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class OptimizerConfig(ABC):
    name: str
    lr: float
    weight_decay: float
    warmup_fraction: float

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ValueError(f"optimizer.lr is {self.lr}; it must be above 0")
        if self.weight_decay < 0:
            raise ValueError(f"optimizer.weight_decay is {self.weight_decay}; it must be 0 or more")
        if not 0 <= self.warmup_fraction < 1:
            raise ValueError(f"optimizer.warmup_fraction is {self.warmup_fraction}; it must be at least 0 and below 1")

    @abstractmethod
    def build(self, model: nn.Module) -> optim.Optimizer: ...

    def schedule(self, total_steps: int) -> Schedule:
        return Schedule(total_steps, self.warmup_fraction)


@dataclass(frozen=True)
class AdamW(OptimizerConfig):
    betas: tuple[float, float]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"optimizer.betas is {self.betas}; it must be two numbers, each at least 0 and below 1")

    def build(self, model: nn.Module) -> optim.Optimizer:
        beta1, beta2 = self.betas
        return optim.AdamW(_parameter_groups(model, self.weight_decay), lr=self.lr, betas=(beta1, beta2))


@dataclass(frozen=True)
class SGD(OptimizerConfig):
    momentum: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise ValueError(f"optimizer.momentum is {self.momentum}; it must be at least 0 and below 1")

    def build(self, model: nn.Module) -> optim.Optimizer:
        groups = _parameter_groups(model, self.weight_decay)
        return optim.SGD(groups, lr=self.lr, momentum=self.momentum, nesterov=self.momentum > 0)


OPTIMIZERS: dict[str, type[OptimizerConfig]] = {"adamw": AdamW, "sgd": SGD}


def optimizer_type(name: str) -> type[OptimizerConfig]:
    """Return the config class of an optimizer. Raises ValueError for an unknown name."""
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer.name is {name!r}; choose one of {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name]


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Return the parameter groups: weight decay applies to matrices only, not to norms and biases."""
    return [
        {"params": _with_dimensions(model.parameters(), matrices=True), "weight_decay": weight_decay},
        {"params": _with_dimensions(model.parameters(), matrices=False), "weight_decay": 0.0},
    ]


def _with_dimensions(parameters: Iterable[nn.Parameter], *, matrices: bool) -> list[nn.Parameter]:
    return [parameter for parameter in parameters if (parameter.dim() >= 2) == matrices]
