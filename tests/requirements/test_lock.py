"""The pinned requirements are current and contain no packages for GPUs."""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

from conftest import ROOT

FILES = sorted((ROOT / "requirements").glob("*.txt"))


def load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins(file: Path) -> list[Requirement]:
    lines = file.read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_the_files_were_compiled_from_the_current_pyproject() -> None:
    lock = load(ROOT / "requirements/lock.py")

    assert lock.stale_files() == [], "run `make lock`"
    assert sorted(lock.EXTRAS) == [file.stem for file in FILES]


def test_a_changed_requirement_makes_the_files_with_it_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = load(ROOT / "requirements/lock.py")
    text = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(text.replace('"rich>=14"', '"rich>=13"').replace('"httpx>', '"httpx >'))
    monkeypatch.setattr(lock, "PROJECT", tmp_path)
    assert lock.main(["--check"]) == 1
    assert "requirements/run.txt: pyproject.toml has changed" in capsys.readouterr().out

    (tmp_path / "pyproject.toml").write_text(text.replace('"httpx>', '"httpx >'))
    assert lock.stale_files() == ["dev"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_pin_is_exact_and_no_pin_is_for_a_gpu(file: Path) -> None:
    for pin in pins(file):
        assert [part.operator for part in pin.specifier] == ["=="], pin
        assert "+" not in str(pin.specifier), f"{pin}: a local version is on one index only"
        is_for_a_gpu = pin.name.startswith(("nvidia-", "triton", "cuda-")) and pin.name != "nvidia-ml-py"
        assert not is_for_a_gpu, pin  # nvidia-ml-py is a small module of Python that reads a driver, if there is one


def test_the_sample_app_s_torch_is_pinned_without_a_local_version() -> None:
    assert [str(pin) for pin in pins(ROOT / "requirements/run.txt") if pin.name == "torch"] == ["torch==2.13.0"]


def test_this_environment_has_the_pinned_versions() -> None:
    """The test results apply to the pins. Skipped in an environment that `make` has not set up."""
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("not the environment that `make` sets up")
    wanted = [pin for pin in pins(ROOT / "requirements/dev.txt") if pin.marker is None or pin.marker.evaluate()]
    assert [str(pin) for pin in wanted if not pin.specifier.contains(distribution(pin.name).version)] == []
