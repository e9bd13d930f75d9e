"""A linear model of random points, and its data: what the configs of the template instantiate."""

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset


class Points(lightning.LightningDataModule):
    """Points of y = 3 x + 1."""

    def __init__(self, rows: int, batch_size: int) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)

    def setup(self, stage: str) -> None:
        """Draw the points."""
        x = torch.rand(self.hparams["rows"], 1)
        self.points = TensorDataset(x, 3 * x + 1)

    def train_dataloader(self) -> DataLoader:
        """Return the batches to train on."""
        return DataLoader(self.points, batch_size=self.hparams["batch_size"])

    def val_dataloader(self) -> DataLoader:
        """Return the batches to validate on."""
        return DataLoader(self.points, batch_size=self.hparams["rows"])


class Line(lightning.LightningModule):
    """A line."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        """Return the loss of a batch."""
        return torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])

    def validation_step(self, batch: list[torch.Tensor], at: int) -> None:
        """Log the loss of a batch."""
        self.log("val/loss", self.training_step(batch, at))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser."""
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])
