"""The corpus for Lightning."""

from collections.abc import Iterable

from lightning.pytorch import LightningDataModule
from torch import Tensor

from corpus import ConsecutiveWindows, DataConfig, RandomWindows, read_corpus, split


class CorpusData(LightningDataModule):
    """The text is in memory already: plain iterables serve it faster than worker processes would."""

    def __init__(self, config: DataConfig, seed: int) -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        text = read_corpus(config)
        self.size_bytes = len(text)
        self.train_text, self.val_text = split(text, config.val_fraction, config.block_size)

    @property
    def window(self) -> int:
        """The bytes of a block and the one that follows it."""
        return self.config.block_size + 1

    def train_dataloader(self) -> Iterable[Tensor]:
        first_step = self.trainer.global_step if self.trainer else 0
        return RandomWindows(self.train_text, self.window, self.config.batch_size, self.seed, first_step)

    def val_dataloader(self) -> Iterable[Tensor]:
        return ConsecutiveWindows(self.val_text, self.window)
