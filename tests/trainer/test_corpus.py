from itertools import islice

import pytest
import torch

VALUES = {"path": None, "pattern": "**/*", "val_fraction": 0.1, "block_size": 8, "batch_size": 4}


@pytest.fixture
def read(app):
    corpus = app("corpus")
    return lambda **change: corpus.read_corpus(corpus.DataConfig(**VALUES | change))


def test_without_a_path_the_text_is_pythons_language_reference(read):
    text = read()
    assert len(text) > 300_000
    assert b"The assert statement" in text or b'"assert" statement' in text


def test_a_file_is_read_unchanged(read, tmp_path):
    (tmp_path / "a.txt").write_text("Grüße, 世界\n", encoding="utf-8")
    assert read(path=str(tmp_path / "a.txt")).decode() == "Grüße, 世界\n"


def test_the_files_of_a_folder_are_joined_in_order_without_hidden_files(read, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    for name, text in {"b/2.md": "two", "a.txt": "one", ".git/x": "hidden", "c.rst": "three"}.items():
        (tmp_path / name).write_text(text)
    assert read(path=str(tmp_path)) == b"one\ntwo\nthree"
    assert read(path=str(tmp_path), pattern="**/*.md") == b"two"


def test_the_error_for_a_missing_path_names_the_path(read, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data\.path is '.*missing': no such file or folder"):
        read(path=str(tmp_path / "missing"))


def test_the_error_for_a_folder_without_a_matching_file_names_the_pattern(read, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file in it matches data\.pattern '\*\.md'"):
        read(path=str(tmp_path), pattern="*.md")


def test_the_error_for_a_file_that_is_not_utf_8_names_the_file_and_the_position(read, tmp_path):
    (tmp_path / "picture.png").write_bytes(b"abc\xff\xd8")
    with pytest.raises(ValueError, match=r"picture\.png is not UTF-8 text \(byte 3\)"):
        read(path=str(tmp_path))


@pytest.mark.parametrize("change", [{"val_fraction": 0.0}, {"val_fraction": 1.0}, {"block_size": 0}, {"batch_size": 0}])
def test_the_error_for_a_value_out_of_range_names_the_field(app, change):
    [(name, value)] = change.items()
    with pytest.raises(ValueError, match=f"data.{name} is {value}"):
        app("corpus").DataConfig(**VALUES | change)


def test_the_validation_part_is_the_end_of_the_text_and_does_not_overlap_the_training_part(app):
    text = bytes(range(200))
    train, val = app("corpus").split(text, 0.1, block_size=8)
    assert bytes(train.tolist()) + bytes(val.tolist()) == text
    assert len(val) == 20


@pytest.mark.parametrize(("length", "part"), [(50, "validation"), (9, "training")])
def test_a_part_that_is_too_short_for_a_window_is_refused(app, length, part):
    with pytest.raises(ValueError, match=f"the {part} part of the text has"):
        app("corpus").split(bytes(length), 0.1 if part == "validation" else 0.9, block_size=8)


def test_a_resumed_stream_continues_where_the_first_one_stopped(app):
    windows = app("corpus").RandomWindows
    text = torch.arange(250, dtype=torch.uint8)
    whole = list(islice(windows(text, 9, 4, seed=1), 6))
    rest = list(islice(windows(text, 9, 4, seed=1, first_step=4), 2))
    assert all(torch.equal(a, b) for a, b in zip(whole[4:], rest, strict=True))
    assert not torch.equal(whole[0], whole[1])
    assert not torch.equal(whole[0], next(iter(windows(text, 9, 4, seed=2))))


def test_training_windows_are_consecutive_bytes_of_the_text(app):
    text = torch.arange(50, dtype=torch.uint8)
    batch = next(iter(app("corpus").RandomWindows(text, 9, 100, seed=1)))
    assert batch.shape == (100, 9)
    assert (batch.diff(dim=1) == 1).all()
    # The first and the last offset can be drawn too.
    assert batch[:, 0].min() == 0
    assert batch[:, -1].max() == 49


def test_validation_windows_contain_the_text_once(app):
    text = torch.arange(250, dtype=torch.uint8)
    batches = app("corpus").ConsecutiveWindows(text, window=9)
    assert len(batches) == 1
    assert torch.equal(torch.cat(list(batches)).flatten(), text[: 27 * 9])
