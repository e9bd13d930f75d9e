from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.launcher.preflight.smoke import SmokeTrial, smoke_trial
from trial.apps import write_app

TRAIN = """
    import os, time
    from pathlib import Path
    import hydra

    @hydra.main(config_path="conf", config_name="config", version_base="1.3")
    def main(cfg):
        print("training", cfg.name)
        Path(os.environ["AIP_MODEL_DIR"]).mkdir(parents=True)
        if cfg.name == "hang":
            time.sleep(60)
        if cfg.name == "crash":
            raise ValueError("the app failed")
        return {"none": None, "no-number": float("nan"), "infinite": float("inf")}.get(cfg.name, cfg.lr)

    if __name__ == "__main__":
        main()
    """


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_app(tmp_path, TRAIN)


def smoke(*arguments: str, limit_s: float = 60) -> SmokeTrial:
    return smoke_trial(("python", "train.py"), arguments, "val/loss", options=("--metric", "val/loss"), limit_s=limit_s)


def test_a_trial_reports_its_metric_and_leaves_nothing_in_the_folder(app: Path) -> None:
    before = sorted(path.name for path in app.iterdir())
    trial = smoke("--lr=0.5", "name=good")

    assert (trial.metric, trial.value, trial.problem, trial.finding) == ("val/loss", 0.5, "", None)
    assert sorted(path.name for path in app.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("none", "reported no val/loss: the app's main returned no number"),
        ("no-number", "reported no val/loss"),
        ("infinite", "reported no val/loss"),
        ("crash", "failed with exit code 1"),
    ],
)
def test_a_trial_without_a_finite_measurement_is_a_finding_with_its_last_lines(
    app: Path,
    name: str,
    problem: str,
) -> None:
    trial = smoke("--lr=0.5", f"name={name}")

    assert trial.finding is not None
    assert str(trial.finding).startswith(f"--smoke: the trial with --lr=0.5 name={name} ")
    assert problem in trial.problem
    # A traceback may have more lines than are shown.
    assert ("ValueError: the app failed" if name == "crash" else f"training {name}") in trial.last_lines


@pytest.mark.parametrize(("monitor", "is_reported"), [(("val/loss",), True), (("val/loss", "val/acc"), False)])
def test_a_monitored_metric_that_nothing_reports_is_a_finding(
    app: Path, monitor: tuple[str, ...], is_reported: bool
) -> None:
    options = ("--metric", "val/loss", *(word for name in monitor for word in ("--monitor", name)))
    trial = smoke_trial(("python", "train.py"), ("--lr=0.5",), "val/loss", monitor=monitor, options=options, limit_s=60)

    missing = (
        "reported no val/acc (--monitor): no validation of Lightning logged a metric of this name; it reported val/loss"
    )
    assert (missing in trial.problem) != is_reported
    assert (trial.finding is None) == is_reported


def test_a_trial_that_does_not_end_is_ended(app: Path) -> None:
    trial = smoke("name=hang", limit_s=3)

    assert trial.problem.endswith("has not ended after 3 s (--smoke-timeout)")
    assert trial.duration_s < 30
