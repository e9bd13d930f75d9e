"""Converts the composed config to typed and checked dataclasses."""

from dataclasses import dataclass
from typing import Literal, TypeVar, cast, get_args

from omegaconf import DictConfig, OmegaConf

from corpus import DataConfig
from gpt import GPTConfig
from optimizers import OptimizerConfig, optimizer_type

T = TypeVar("T")

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
PRECISIONS: dict[str, Precision] = {name: name for name in get_args(Precision)}


@dataclass(frozen=True)
class TrainerConfig:
    """The length and the hardware settings of a run. Raises ValueError for a value out of range.

    If `max_steps` is None, the number of steps is `train_bytes` divided by the bytes of a batch, so that runs with
    different batch sizes process the same number of bytes. `validations` is the number of validations, evenly spaced,
    the last one at the end of the run.
    """

    accelerator: str
    precision: str
    compile: bool
    max_steps: int | None
    train_bytes: int
    validations: int
    gradient_clip_norm: float

    def __post_init__(self) -> None:
        if self.max_steps is not None and self.max_steps < 1:
            raise ValueError(f"trainer.max_steps is {self.max_steps}; it must be 1 or more, or null for train_bytes")
        if self.precision not in PRECISIONS:
            raise ValueError(f"trainer.precision is {self.precision!r}; choose one of {', '.join(PRECISIONS)}")
        for name in ("train_bytes", "validations"):
            if getattr(self, name) < 1:
                raise ValueError(f"trainer.{name} is {getattr(self, name)}; it must be 1 or more")


@dataclass(frozen=True)
class Settings:
    seed: int
    data: DataConfig
    model: GPTConfig
    optimizer: OptimizerConfig
    trainer: TrainerConfig

    @property
    def total_steps(self) -> int:
        bytes_per_step = self.data.batch_size * self.data.block_size
        return self.trainer.max_steps or max(1, self.trainer.train_bytes // bytes_per_step)

    @property
    def validation_interval(self) -> int:
        """The number of steps between two validations during training; one more validation follows at the end."""
        return self.total_steps // self.trainer.validations + 1


def read_settings(config: DictConfig) -> Settings:
    """Read the composed config. Raises ValueError for an invalid value or type, ConfigKeyError for an unknown key."""
    return Settings(
        seed=config.seed,
        data=_typed(DataConfig, config.data),
        model=read_model(config),
        optimizer=_typed(optimizer_type(config.optimizer.name), config.optimizer),
        trainer=_typed(TrainerConfig, config.trainer),
    )


def read_model(config: DictConfig) -> GPTConfig:
    return _typed(GPTConfig, config.model)


def _typed(schema: type[T], section: DictConfig) -> T:
    # Resolve first: an interpolation such as ${data.block_size} needs the whole config.
    values = OmegaConf.to_container(section, resolve=True)
    return cast(T, OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), values)))
