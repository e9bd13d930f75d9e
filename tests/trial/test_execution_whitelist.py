"""Apps that set the execution whitelist of Hydra 1.4: hydra-trial adds nothing that the whitelist refuses."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import hydra
import pytest

from trial.apps import run, trial, write_app

pytestmark = pytest.mark.skipif(
    "execution_whitelist" not in inspect.signature(hydra.main).parameters,
    reason="this Hydra has no execution whitelist; the matrix has one",
)

APP = """
    import hydra
    from hydra.utils import instantiate


    @hydra.main(config_path="conf", config_name="config", execution_whitelist=["datetime.timedelta"])
    def main(cfg):
        made = instantiate(cfg.made)
        print(made)
        return made.seconds


    if __name__ == "__main__":
        main()
    """


@pytest.fixture
def app(tmp_path: Path) -> Path:
    config = "made:\n  _target_: datetime.timedelta\n  seconds: 1\n"
    return write_app(tmp_path, APP, **{"conf/config.yaml": config})


def test_a_target_on_the_whitelist_is_instantiated_and_the_return_value_is_reported(app: Path) -> None:
    ended = trial(app, "--made.seconds=2.0")
    assert (ended.returncode, ended.stdout) == (0, "0:00:02\n"), ended.stderr
    assert ended.stderr == "hydra-trial: metric = 2.0\n"


@pytest.mark.parametrize(
    "forbidden",
    ["made._target_=datetime.timezone", "+hydra.callbacks.mine._target_=my.Callback"],
    ids=["made by the app", "made by Hydra"],
)
def test_another_target_is_refused_with_hydras_message(app: Path, forbidden: str) -> None:
    alone = run(app, [sys.executable, "train.py", "made.seconds=2", forbidden])
    under = trial(app, "--made.seconds=2", forbidden)
    assert alone.returncode == under.returncode == 1
    assert "whitelist" in alone.stderr
    assert without_traceback(under.stderr) == without_traceback(alone.stderr)


def without_traceback(stderr: str) -> str:
    """Remove the traceback that Hydra prints for its own callbacks, because it contains frames of hydra-trial."""
    return stderr[stderr.rindex("hydra.errors.") :] if "hydra.errors." in stderr else stderr
