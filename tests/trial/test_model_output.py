"""A model that the app wrote into another folder than the model's."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.trial.model_output import Source, content_of, provide_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


@pytest.fixture
def hydra(tmp_path: Path) -> Path:
    folder = tmp_path / "hydra"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints/epoch.ckpt").write_text("weights")
    (folder / "checkpoints/hparams.json").write_text("{}")
    (folder / "train.log").write_text("log")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_model_is_linked_with_the_files_beside_it(model: Path, hydra: Path) -> None:
    sentence = provide_model(model, {}, (Source(hydra),))

    assert names(model) == ["checkpoints/epoch.ckpt", "checkpoints/hparams.json"]
    assert (model / "checkpoints/epoch.ckpt").samefile(hydra / "checkpoints/epoch.ckpt")
    assert sentence == (
        f"the app wrote its model into {hydra}/, so the step's model has 2 files, such as checkpoints/epoch.ckpt, of it"
    )


def test_a_model_of_the_app_is_left_as_it_is(model: Path, hydra: Path) -> None:
    before = content_of(model)
    (model / "mine.bin").write_text("x")

    assert provide_model(model, before, (Source(hydra),)) == ""
    assert names(model) == ["mine.bin"]


def test_what_an_earlier_attempt_left_is_not_taken_for_the_apps_model(model: Path, hydra: Path) -> None:
    (model / "checkpoints").mkdir()
    (model / "checkpoints/epoch.ckpt").write_text("a part")
    before = content_of(model)

    provide_model(model, before, (Source(hydra),))

    assert (model / "checkpoints/epoch.ckpt").read_text() == "weights"


def test_the_first_folder_with_a_model_is_taken(model: Path, hydra: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x.pt").write_text("x")

    sources = (Source(tmp_path / "none"), Source(tmp_path / "other"), Source(hydra))
    assert provide_model(model, {}, sources).endswith("so the step's model has x.pt of it")
    assert names(model) == ["x.pt"]


def test_a_link_counts_as_its_file_only_inside_the_folder(model: Path, hydra: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.ckpt").write_text("another's")
    (hydra / "checkpoints/last.ckpt").symlink_to("epoch.ckpt")
    (hydra / "checkpoints/outside.ckpt").symlink_to(tmp_path / "secret.ckpt")
    (hydra / "checkpoints/nowhere.ckpt").symlink_to("gone")
    os.mkfifo(hydra / "checkpoints/pipe.ckpt")

    provide_model(model, {}, (Source(hydra),))

    assert names(model) == ["checkpoints/epoch.ckpt", "checkpoints/hparams.json", "checkpoints/last.ckpt"]
    assert not (model / "checkpoints/last.ckpt").is_symlink()
    assert (model / "checkpoints/last.ckpt").read_text() == "weights"


def test_files_from_before_the_retraining_are_not_its_model(model: Path, hydra: Path) -> None:
    now = time.time_ns()
    os.utime(hydra / "checkpoints/epoch.ckpt", ns=(now - 10**12, now - 10**12))
    os.utime(hydra / "checkpoints/hparams.json", ns=(now - 10**12, now - 10**12))
    (hydra / "new.pt").write_text("new")

    provide_model(model, {}, (Source(hydra, now - 10**9),))

    assert names(model) == ["new.pt"]


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP])
def test_without_hard_links_the_files_are_copied(
    model: Path, hydra: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", no_links)
    provide_model(model, {}, (Source(hydra),))

    assert (model / "checkpoints/epoch.ckpt").read_text() == "weights"
    assert not (model / "checkpoints/epoch.ckpt").samefile(hydra / "checkpoints/epoch.ckpt")


def test_a_full_disk_names_the_folder_of_the_model_and_leaves_no_part(
    model: Path, hydra: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EXDEV, "other device")))
    monkeypatch.setattr(shutil, "copyfile", full)

    with pytest.raises(OutputError, match=f"the app wrote its model into {hydra}/, and .*: No space left on device"):
        provide_model(model, {}, (Source(hydra),))
    assert names(model) == []
