"""Fixtures that import the sample app's modules and run its scripts.

The app is not a package: its folder is added to `sys.path`, as `python train.py` does.
"""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

TRAINER = Path(__file__).parents[2] / "trainer"
RUN_TIMEOUT_S = 120

ImportModule = Callable[[str], ModuleType]
Run = subprocess.CompletedProcess[str]


@pytest.fixture(scope="package")
def app() -> Iterator[ImportModule]:
    """Import a module of the app by name. Afterwards all are removed from `sys.modules`: their names are common."""
    sys.path.insert(0, str(TRAINER))
    yield importlib.import_module
    sys.path.remove(str(TRAINER))
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(f"{TRAINER}{os.sep}"):
            del sys.modules[name]


@pytest.fixture(scope="package")
def compose_config() -> Callable[..., DictConfig]:
    def composed(*overrides: str, with_hydra: bool = False) -> DictConfig:
        with initialize_config_dir(str(TRAINER / "conf"), version_base="1.3"):
            return compose("train", list(overrides), return_hydra_config=with_hydra)

    return composed


@pytest.fixture(scope="package")
def run_script() -> Callable[..., Run]:
    def run(script: str, *arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> Run:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIP_", "CLOUD_ML_"))}
        return subprocess.run(
            [sys.executable, str(TRAINER / script), *arguments],
            cwd=cwd,
            env=inherited | {"OMP_NUM_THREADS": "1"} | (environment or {}),
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )

    return run
