"""Selection of the checkpoint that a trial resumes from."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from hydra_vertex.protocol.checkpoints import MOST_DEPTH, newest_checkpoint


def _write(folder: Path, name: str, seconds: int, content: bytes = b"weights") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (seconds, seconds))


def _newest(folder: Path) -> str | None:
    found = newest_checkpoint(folder)
    return None if found is None else found.relative_to(folder).as_posix()


@pytest.mark.parametrize(
    ("files", "newest"),
    [
        ({}, None),
        ({"notes.txt": 1, "config.yaml": 2}, None),
        ({"epoch=1.ckpt": 1, "epoch=2.ckpt": 2}, "epoch=2.ckpt"),
        ({"last.ckpt": 1, "epoch=2.ckpt": 2}, "last.ckpt"),
        ({"last.ckpt": 1, "last-v1.ckpt": 2}, "last-v1.ckpt"),
        ({"run/a/last.ckpt": 1, "best.ckpt": 2}, "run/a/last.ckpt"),
        ({"checkpoint-20/trainer_state.json": 1, "checkpoint-9/trainer_state.json": 2}, "checkpoint-9"),
        ({"checkpoint-20/optimizer.pt": 2, "checkpoint-10/trainer_state.json": 1}, "checkpoint-10"),
        ({"checkpoint-20/optimizer.pt": 1}, None),
        ({"model.pt": 2, "a.pth": 3, "checkpoint-1/trainer_state.json": 1}, "checkpoint-1"),
        ({"model.pt": 2, "a.pth": 3}, "a.pth"),
        ({"sharded.ckpt/meta.pt": 1, "sharded.ckpt/.metadata": 1}, "sharded.ckpt"),
        ({"sharded.ckpt/__0_0.distcp": 1}, None),
    ],
)
def test_a_last_checkpoint_is_preferred_to_a_newer_one(
    tmp_path: Path, files: dict[str, int], newest: str | None
) -> None:
    for name, seconds in files.items():
        _write(tmp_path, name, seconds)
    assert _newest(tmp_path) == newest


@pytest.mark.parametrize(
    "name",
    [
        ".last.ckpt",
        ".last.ckpt.x1/last.ckpt",
        "last.ckpt.tmp",
        "last.tmp.ckpt",
        "tmp_last.ckpt",
        "last-part.ckpt",
        "a.ckpt~",
        "tmp-checkpoint-9/trainer_state.json",
        "Temp/last.ckpt",
    ],
)
def test_a_temporary_name_is_not_a_checkpoint(tmp_path: Path, name: str) -> None:
    _write(tmp_path, name, 2)
    assert _newest(tmp_path) is None


def test_an_incomplete_file_is_skipped(tmp_path: Path) -> None:
    whole = tmp_path / "whole.ckpt"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("data.pkl", b"x" * 1000)
    os.utime(whole, (1, 1))
    _write(tmp_path, "cut.ckpt", 2, whole.read_bytes()[:-30])
    _write(tmp_path, "empty.ckpt", 3, b"")
    assert _newest(tmp_path) == "whole.ckpt"


def test_a_link_to_a_checkpoint_is_used_and_a_dangling_link_is_skipped(tmp_path: Path) -> None:
    _write(tmp_path, "epoch=2.ckpt", 2)
    (tmp_path / "last.ckpt").symlink_to("epoch=2.ckpt")
    (tmp_path / "last-v1.ckpt").symlink_to("epoch=3.ckpt")
    assert _newest(tmp_path) == "last.ckpt"


def test_the_search_depth_is_limited(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to(tmp_path)
    _write(tmp_path, "/".join(["d"] * MOST_DEPTH) + "/near.ckpt", 1)
    _write(tmp_path, "/".join(["e"] * (MOST_DEPTH + 1)) + "/far.ckpt", 2)
    found = newest_checkpoint(tmp_path)
    assert found is not None
    assert found.name == "near.ckpt"


def test_a_missing_folder_contains_no_checkpoint(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "nope") is None
