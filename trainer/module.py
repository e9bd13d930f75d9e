"""The `LightningModule` of the model: loss, optimizer and learning rate."""

import logging

from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from gpt import GPT
from optimizers import OptimizerConfig

log = logging.getLogger(__name__)


class LanguageModel(LightningModule):
    """Logs `train/loss` and `val/loss` in nats per byte."""

    def __init__(self, model: GPT, optimizer: OptimizerConfig, total_steps: int) -> None:
        super().__init__()
        self.model = model
        self.optimizer = optimizer
        self.total_steps = total_steps

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.optimizer.build(self.model)
        scheduler = LambdaLR(optimizer, self.optimizer.schedule(self.total_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_start(self) -> None:
        if self.global_step:
            log.info("resumes at step %d of %d", self.global_step, self.total_steps)

    def training_step(self, batch: Tensor) -> Tensor:
        loss = self.model.loss(batch)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: Tensor) -> None:
        self.log("val/loss", self.model.loss(batch), batch_size=len(batch))

    def on_validation_end(self) -> None:
        loss = float(self.trainer.callback_metrics["val/loss"])
        log.info("step %d of %d: val/loss %.4f", self.global_step, self.total_steps, loss)
