from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.protocol.model_files import MOST_DEPTH, common_folder, has_files, model_parts


def write(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return folder


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("train.log", ".hydra/config.yaml"), ()),
        (("model.joblib", "train.log"), ("model.joblib",)),
        (("MODEL.PT",), ("MODEL.PT",)),
        (("checkpoints/last.ckpt", "checkpoints/notes.txt", "train.log"), ("checkpoints",)),
        (("csv/version_0/checkpoints/epoch=1.ckpt", "csv/version_0/metrics.csv"), ("csv/version_0/checkpoints",)),
        (("export/saved_model.pb", "export/variables/variables.data"), ("export",)),
        (("hf/model.safetensors", "hf/config.json", "hf/tokenizer/vocab.txt"), ("hf",)),
        (("checkpoint-500/trainer_state.json",), ("checkpoint-500",)),
        (("epoch=3.ckpt/meta.txt", "epoch=3.ckpt/shards/0"), ("epoch=3.ckpt",)),
        (("a/x.onnx", "b/y.keras", "z.h5"), ("z.h5", "a", "b")),
        ((".cache/x.pt", "x.ckpt.tmp", "part.x.pt~", "tmp.pt"), ()),
        (("events.out.tfevents.1", "data.csv", "model.py", "model"), ()),
    ],
)
def test_a_model_is_found_by_its_name(tmp_path: Path, names: tuple[str, ...], parts: tuple[str, ...]) -> None:
    found = [str(part.relative_to(tmp_path)) for part in model_parts(write(tmp_path, *names))]

    assert found == list(parts)


def test_a_link_to_a_folder_is_not_followed_and_the_depth_is_limited(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "x.pt")
    folder = write(tmp_path / "output", "a.log")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    write(folder / "/".join("d" * (MOST_DEPTH + 2)), "x.pt")

    assert model_parts(folder) == ()


def test_a_folder_that_does_not_exist_has_no_model(tmp_path: Path) -> None:
    assert model_parts(tmp_path / "none") == ()
    assert not has_files(tmp_path / "none")


def test_a_folder_of_empty_folders_has_no_files(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    assert not has_files(tmp_path)
    write(tmp_path, "a/b/c")
    assert has_files(tmp_path)


def test_the_common_folder_of_parts_holds_them_all(tmp_path: Path) -> None:
    write(tmp_path, "a/b/x.pt", "a/c/y.pt", "z.pt")
    assert common_folder((tmp_path / "a/b", tmp_path / "a/c")) == tmp_path / "a"
    assert common_folder((tmp_path / "a/b",)) == tmp_path / "a/b"
    assert common_folder((tmp_path / "z.pt", tmp_path / "a/b")) == tmp_path
