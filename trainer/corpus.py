"""Text as bytes: read from files, split into training and validation parts, cut into windows."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from outputs import local_path

VALIDATION_BATCH_SIZE = 256


@dataclass(frozen=True)
class DataConfig:
    """`path` is a UTF-8 file or a folder of such files; None means the language reference of Python.

    Raises ValueError for a value out of range.
    """

    path: str | None
    pattern: str
    val_fraction: float
    block_size: int
    batch_size: int

    def __post_init__(self) -> None:
        if not 0 < self.val_fraction < 1:
            raise ValueError(f"data.val_fraction is {self.val_fraction}; it must be above 0 and below 1")
        for name in ("block_size", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"data.{name} is {getattr(self, name)}; it must be 1 or more")


def read_corpus(config: DataConfig) -> bytes:
    """Return the text. Raises FileNotFoundError when `path` has no file, ValueError when a file is not UTF-8."""
    if config.path is None:
        return language_reference()
    path = local_path(config.path)
    if path.is_dir():
        return b"\n".join(_read_utf8(file) for file in _files(path, config.pattern))
    if not path.is_file():
        raise FileNotFoundError(
            f"data.path is {config.path!r}: no such file or folder; null selects Python's language reference"
        )
    return _read_utf8(path)


def language_reference() -> bytes:
    """Return the topics of `pydoc_data.topics`, sorted by name, as UTF-8."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics)).encode()


def _files(folder: Path, pattern: str) -> list[Path]:
    """Return the matching files under `folder`, sorted by path, without hidden files."""
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    files = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not files:
        raise FileNotFoundError(f"data.path is '{folder}': no file in it matches data.pattern {pattern!r}")
    return files


def _read_utf8(path: Path) -> bytes:
    content = path.read_bytes()
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text (byte {error.start}); remove it or narrow data.pattern, as in '**/*.txt'"
        ) from error
    return content


def split(text: bytes, val_fraction: float, block_size: int) -> tuple[Tensor, Tensor]:
    """Return the training and validation parts, uint8 of shape `(n,)`. The validation part is the end of the text.

    Raises ValueError when a part has no more than `block_size` bytes.
    """
    val_bytes = round(len(text) * val_fraction)
    train, val = text[: len(text) - val_bytes], text[len(text) - val_bytes :]
    for part, name in ((train, "training"), (val, "validation")):
        if len(part) <= block_size:
            raise ValueError(
                f"the {name} part of the text has {len(part)} bytes, too few for data.block_size={block_size};"
                " give more text, a smaller block_size or another val_fraction"
            )
    return _tensor(train), _tensor(val)


def _tensor(text: bytes) -> Tensor:
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)


@dataclass(frozen=True)
class RandomWindows:
    """An infinite sequence of training batches at random offsets, each of shape `(batch_size, window)`.

    The batch of a step depends only on the seed and the step, so a resumed run gets the same batches as an
    uninterrupted run.
    """

    text: Tensor
    window: int
    batch_size: int
    seed: int
    first_step: int = 0

    def __iter__(self) -> Iterator[Tensor]:
        windows = self.text.unfold(0, self.window, 1)
        for offsets in islice(self._offsets(len(windows)), self.first_step, None):
            yield windows[offsets]

    def _offsets(self, count: int) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            yield torch.randint(count, (self.batch_size,), generator=generator)


@dataclass(frozen=True)
class ConsecutiveWindows:
    """The text once, in batches of VALIDATION_BATCH_SIZE windows; a remainder shorter than a window is dropped."""

    text: Tensor
    window: int

    def __len__(self) -> int:
        return len(self._batches())

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._batches())

    def _batches(self) -> tuple[Tensor, ...]:
        count = len(self.text) // self.window
        return torch.split(self.text[: count * self.window].view(count, self.window), VALIDATION_BATCH_SIZE)
