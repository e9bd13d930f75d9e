"""`--monitor` with a real Lightning Trainer in an unmodified app."""

from __future__ import annotations

import copy
import importlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from hydra_vertex.trial.reporting.lightning_monitor import make_monitor
from trial.apps import hydra_trial, run, write_app

pytest.importorskip("lightning")
pytest.importorskip("pytorch_lightning")

CONFIG = """
    package: lightning.pytorch
    devices: 1
    validations: [2]
    reports_itself: false
    """

TRAIN = """
    import importlib
    import warnings

    import hydra
    import hypertune
    import torch

    warnings.simplefilter("ignore")


    def main_of(cfg, lightning):
        class Line(lightning.LightningModule):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(1, 1)

            def training_step(self, batch, index):
                loss = self.layer(batch).square().mean()
                self.log("train/loss", loss)
                return loss

            def validation_step(self, batch, index):
                self.log("val/loss", 10.0 - self.global_step, sync_dist=True)

            def on_validation_epoch_end(self):
                if cfg.reports_itself:
                    tuner = hypertune.HyperTune()
                    tuner.report_hyperparameter_tuning_metric("own", 1.0 + self.global_rank, self.global_step)

            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), lr=0.1)

        data = torch.utils.data.DataLoader(torch.ones(8, 1), batch_size=2)
        for batches in cfg.validations:
            trainer = lightning.Trainer(
                max_epochs=2, devices=cfg.devices, strategy="ddp" if cfg.devices > 1 else "auto", accelerator="cpu",
                limit_val_batches=batches, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                enable_model_summary=False,
            )
            trainer.fit(Line(), data, data)
            if batches:
                trainer.validate(Line(), data, verbose=False)
        return -1.0


    @hydra.main(config_path="conf", config_name="config", version_base="1.3")
    def main(cfg):
        return main_of(cfg, importlib.import_module(cfg.package))


    if __name__ == "__main__":
        main()
    """


def train(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the app under hydra-trial; `--monitor=` and `--metric=` are hydra-trial's options, the others the app's."""
    write_app(folder, TRAIN, **{"conf/config.yaml": CONFIG})
    environ = {"CLOUD_ML_HP_METRIC_FILE": "metrics", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    options = [argument for argument in arguments if argument.startswith(("--monitor=", "--metric="))]
    rest = [argument for argument in arguments if argument not in options]
    return hydra_trial(folder, *options, "--", "python", "train.py", *rest, environ=environ)


def points(folder: Path, metric: str) -> list[tuple[int, float]]:
    """Return step and value of each record of a metric."""
    records = [json.loads(line) for line in (folder / "metrics").read_text().splitlines()]
    return [(int(record["global_step"]), float(record[metric])) for record in records if metric in record]


def logged_lines(ended: subprocess.CompletedProcess[str]) -> list[str]:
    assert ended.returncode == 0, ended.stderr
    return [line for line in ended.stderr.splitlines() if line.startswith("hydra-trial: ")]


def test_a_metric_is_reported_once_at_each_validation_and_the_returned_value_last(tmp_path: Path) -> None:
    """Neither the sanity check before the fit nor the validation after it adds a record."""
    ended = train(tmp_path, "--metric=val/loss", "--monitor=val/loss")
    assert logged_lines(ended) == ["hydra-trial: val/loss = -1.0"]
    assert points(tmp_path, "val/loss") == [(4, 6.0), (8, 2.0), (9, -1.0)]


def test_metrics_keep_their_own_names_and_missing_ones_are_logged(tmp_path: Path) -> None:
    """Uses the other package, in an app that fits twice, the second time without validation."""
    monitors = ("--monitor=val/loss", "--monitor=train/loss", "--monitor=val/los")
    ended = train(tmp_path, "--metric=best", *monitors, "--package=pytorch_lightning", "--validations=[2,0]")
    first, second, early_stopping, result = (line.removeprefix("hydra-trial: ") for line in logged_lines(ended))
    assert first == (
        "--monitor val/los: Lightning logged no such metric at its validations; logged metrics: train/loss, val/loss"
    )
    assert second == (
        "--monitor val/loss, train/loss, val/los: Lightning logged no such metric and ran no validation; "
        "logged metrics: train/loss"
    )
    assert early_stopping == (
        "--monitor val/loss, train/loss, val/los: early stopping uses the trial's metric, best, which is not monitored"
    )
    assert result == "best = -1.0"
    assert points(tmp_path, "val/loss") == [(4, 6.0), (8, 2.0)]
    assert [step for step, _ in points(tmp_path, "train/loss")] == [4, 8]
    assert points(tmp_path, "best") == [(9, -1.0)]


def test_only_the_first_of_the_ranks_that_ddp_starts_reports(tmp_path: Path) -> None:
    """Rank 1 is `python train.py`, started by Lightning without hydra-trial. Its hypertune is patched, too."""
    ended = train(tmp_path, "--metric=val/loss", "--monitor=val/loss", "--devices=2", "--reports_itself=true")
    assert logged_lines(ended) == ["hydra-trial: val/loss = -1.0"]
    assert {value for _, value in points(tmp_path, "own")} == {1.0}
    assert points(tmp_path, "val/loss") == [(2, 8.0), (4, 6.0), (5, -1.0)]


def test_a_rank_without_hydra_trial_is_patched_even_without_monitored_metrics(tmp_path: Path) -> None:
    """As in rank 1 of DDP: creating a Trainer calls the factory, then the app uses hypertune."""
    code = (
        "from hydra_vertex.trial.reporting.lightning_monitor import lightning_callbacks; print(lightning_callbacks())\n"
        "import hypertune; hypertune.HyperTune().report_hyperparameter_tuning_metric('loss', 1)"
    )
    environ = {"HYDRA_TRIAL_MONITOR": "[]", "CLOUD_ML_HP_METRIC_FILE": str(tmp_path / "metrics"), "LOCAL_RANK": "1"}
    ended = run(tmp_path, [sys.executable, "-c", code], environ)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")
    assert not (tmp_path / "metrics").exists()


def test_outside_of_hydra_trial_the_factories_return_nothing_and_import_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from importlib.metadata import entry_points; groups = sys.argv[1:]\n"
        "factories = [point.load() for group in groups for point in entry_points(group=group, name='hydra-trial')]\n"
        "print([factory() for factory in factories], {'lightning', 'pytorch_lightning', 'hydra'} & set(sys.modules))"
    )
    groups = ("lightning.pytorch.callbacks_factory", "pytorch_lightning.callbacks_factory")
    ended = run(tmp_path, [sys.executable, "-c", code, *groups])
    assert (ended.stdout, ended.stderr) == ("[[], []] set()\n", "")


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_the_callback_is_a_callback_of_the_package_and_can_be_copied_and_pickled(package: str) -> None:
    callback = make_monitor(package, ["val/loss"])
    for same in (callback, copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):  # noqa: S301 - our own bytes
        assert isinstance(same, importlib.import_module(package).Callback)
        assert vars(same) == vars(callback)


@pytest.mark.parametrize(
    ("option", "environ", "refused"),
    [
        ("--monitor=val loss", {}, "--monitor is 'val loss'; a name must not contain whitespace"),
        ("--metric=trial", {}, "--metric is 'trial', a field of the metric file's records"),
        ("--monitor=x", {"CLOUD_ML_HP_METRIC_TAG": "a b"}, "$CLOUD_ML_HP_METRIC_TAG is 'a b'; a name must not"),
    ],
)
def test_a_name_that_cannot_be_recorded_is_refused_before_the_app_runs(
    tmp_path: Path, option: str, environ: dict[str, str], refused: str
) -> None:
    write_app(tmp_path)
    ended = hydra_trial(tmp_path, option, "--", "python", "train.py", environ=environ)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(f"hydra-trial: {refused}")
