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
    """`path` is a UTF-8 file or a folder of them; None is the language reference that comes with Python."""

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
    if config.path is None:
        return language_reference()
    path = local_path(config.path)
    if path.is_dir():
        return b"\n".join(_read_utf8(file) for file in _files(path, config.pattern))
    if not path.is_file():
        raise FileNotFoundError(f"data.path is {config.path!r}: no such file or folder; null is Python's own reference")
    return _read_utf8(path)


def language_reference() -> bytes:
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics)).encode()


def _files(folder: Path, pattern: str) -> list[Path]:
    """The files under `folder` that match, sorted by path; hidden ones are left out."""
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
    """Training and validation parts; the second is the text's end, so that no window lies in both."""
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
    """Endless training batches at random offsets, `(batch_size, window)` each.

    A step's batch depends on the seed and the step alone: a resumed run sees what an uninterrupted one would.
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
        randomness = torch.Generator().manual_seed(self.seed)
        while True:
            yield torch.randint(count, (self.batch_size,), generator=randomness)


@dataclass(frozen=True)
class ConsecutiveWindows:
    """The whole text once, VALIDATION_BATCH_SIZE windows a batch; an end shorter than a window is left out."""

    text: Tensor
    window: int

    def __len__(self) -> int:
        return len(self._batches())

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._batches())

    def _batches(self) -> tuple[Tensor, ...]:
        count = len(self.text) // self.window
        return torch.split(self.text[: count * self.window].view(count, self.window), VALIDATION_BATCH_SIZE)
