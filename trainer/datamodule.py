"""The `LightningDataModule` of the corpus."""

from collections.abc import Iterable

from lightning.pytorch import LightningDataModule
from torch import Tensor

from corpus import ConsecutiveWindows, DataConfig, RandomWindows, read_corpus, split


class CorpusData(LightningDataModule):
    """Training and validation batches. The text is in memory, so plain iterables are faster than worker processes."""

    def __init__(self, config: DataConfig, seed: int) -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        text = read_corpus(config)
        self.size_bytes = len(text)
        self.train_text, self.val_text = split(text, config.val_fraction, config.block_size)

    @property
    def window(self) -> int:
        """The number of bytes in a window: a block and the byte that follows it."""
        return self.config.block_size + 1

    def train_dataloader(self) -> Iterable[Tensor]:
        first_step = self.trainer.global_step if self.trainer else 0
        return RandomWindows(self.train_text, self.window, self.config.batch_size, self.seed, first_step)

    def val_dataloader(self) -> Iterable[Tensor]:
        return ConsecutiveWindows(self.val_text, self.window)
