"""Training in this process: the returned loss, and the equality of a resumed and an uninterrupted run."""

import pytest
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict

TINY = ["experiment=docs", "model.depth=1", "model.width=16", "data.batch_size=4", "data.val_fraction=0.01"]


@pytest.fixture
def train(app):
    module = app("train")
    module.silence_lightning()
    return module


@pytest.fixture
def hydra_job(compose_config, tmp_path):
    """The config that Hydra passes to a run with the output folder `tmp_path`."""
    config = compose_config(*TINY, "trainer.max_steps=3", f"hydra.runtime.output_dir={tmp_path}", with_hydra=True)
    HydraConfig.instance().set_config(config)
    with open_dict(config):
        del config.hydra
    yield config
    HydraConfig.instance().cfg = None


def test_a_run_returns_its_validation_loss(train, hydra_job, app, tmp_path):
    loss = train.main(hydra_job)
    assert type(loss) is float
    model = app("saved_model").load_model(tmp_path / "model")
    data = app("datamodule").CorpusData(app("settings").read_settings(hydra_job).data, seed=1)
    model.eval()
    [windows] = data.val_dataloader()
    assert model.loss(windows).item() == pytest.approx(loss, abs=1e-5)


def _train(train, settings, checkpoints, run_dir, stop_at=None):
    """Train until `stop_at`, or until the end. Return the step and the weights."""
    train.seed_everything(settings.seed, verbose=False)
    outputs = train.find_outputs(run_dir, {"AIP_CHECKPOINT_DIR": str(checkpoints)})
    module = train.LanguageModel(train.GPT(settings.model), settings.optimizer, settings.total_steps)
    trainer = train.build_trainer(settings, outputs)
    trainer.fit_loop.epoch_loop.max_steps = stop_at or settings.total_steps
    last = outputs.last_checkpoint
    trainer.fit(module, train.CorpusData(settings.data, settings.seed), ckpt_path=last if last.is_file() else None)
    trainer.save_checkpoint(last)
    return trainer.global_step, module.state_dict()


def test_a_resumed_run_has_the_same_final_weights_as_an_uninterrupted_one(train, app, compose_config, tmp_path):
    settings = app("settings").read_settings(compose_config(*TINY, "trainer.max_steps=8"))
    _, whole = _train(train, settings, tmp_path / "a", tmp_path / "whole")
    stopped_at, interrupted = _train(train, settings, tmp_path / "b", tmp_path / "interrupted", stop_at=5)
    ended_at, resumed = _train(train, settings, tmp_path / "b", tmp_path / "resumed")
    assert (stopped_at, ended_at) == (5, 8)
    assert not all(torch.equal(whole[name], interrupted[name]) for name in whole)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
