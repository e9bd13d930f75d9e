"""The composed config as typed, checked values: read once here, trusted everywhere else."""

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
    """`max_steps` None: as many steps as `train_bytes` gives at the batch's size, so that all sizes cost the same.

    `validations` are spread over the run, the last one at its end.
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
        """Steps between two validations in training; one more follows at the end."""
        return self.total_steps // self.trainer.validations + 1


def read_settings(config: DictConfig) -> Settings:
    """Raises ValueError for a value out of range or of the wrong type, ConfigKeyError for an unknown key."""
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
    # Resolved first: an interpolation such as ${data.block_size} is found from the whole config alone.
    values = OmegaConf.to_container(section, resolve=True)
    return cast(T, OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), values)))
