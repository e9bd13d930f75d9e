"""The app as a real `__main__` module: pickling, spawned processes and tracebacks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from trial.apps import TRAIN, run, trial, write_app

WORKERS = """
    from dataclasses import dataclass

    import hydra
    from joblib import Parallel, delayed


    @dataclass
    class Doubled:
        value: float


    def double(x):
        return Doubled(2 * x)


    @hydra.main(config_path="conf", config_name="config", version_base=None)
    def main(cfg):
        with Parallel(n_jobs=2, backend="loky") as workers:
            results = workers(delayed(double)(x) for x in [cfg.lr, cfg.steps])
        print(results, [type(result) is Doubled for result in results])
        return results[0].value


    if __name__ == "__main__":
        main()
    """


@pytest.mark.skipif(importlib.util.find_spec("joblib") is None, reason="joblib is not installed; the matrix has it")
def test_workers_of_joblib_find_the_apps_functions_and_classes(tmp_path: Path) -> None:
    write_app(tmp_path, WORKERS)
    ended = trial(tmp_path, "--lr=2", "--steps=5.0", environ={"PYTHONWARNINGS": "ignore"})
    assert ended.stdout == "[Doubled(value=4.0), Doubled(value=10)] [True, True]\n", ended.stderr
    assert ended.stderr == "hydra-trial: metric = 4.0\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return cfg.lr * 2", "raise ValueError('boom')"),
        ('@hydra.main(config_path="conf", ', '@hydra.main(config_pth="conf", '),
        ("version_base=None)", 'version_base="0.1")'),
    ],
    ids=["in the main", "a wrong argument of hydra.main", "a version that Hydra refuses"],
)
def test_a_traceback_contains_no_frame_of_hydra_trial(tmp_path: Path, old: str, new: str) -> None:
    write_app(tmp_path, TRAIN.replace(old, new))
    environ = {"HYDRA_FULL_ERROR": "1"}
    alone = run(tmp_path, [sys.executable, "train.py", "lr=1.0"], environ)
    under = trial(tmp_path, "--lr=1", environ=environ)
    assert under.returncode == alone.returncode == 1
    assert "Traceback" in alone.stderr
    assert under.stderr == alone.stderr
