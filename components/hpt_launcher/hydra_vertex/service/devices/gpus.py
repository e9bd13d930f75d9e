"""Finds the GPUs for trials: those that nvidia-smi lists and CUDA_VISIBLE_DEVICES leaves visible.

Sources: `nvidia-smi -q -x` and `nvidia-smi -L` of driver 470 and later; the rules of CUDA_VISIBLE_DEVICES at
https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables.
"""

from __future__ import annotations

import logging
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from xml.etree import ElementTree

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
NVIDIA_SMI = "nvidia-smi"
LISTING_LIMIT_S = 30.0
MIB = 1 << 20

_BOARD_LINE = re.compile(r"GPU (\d+): .*\(UUID: (GPU-[^)\s]+)\)")
_SLICE_LINE = re.compile(r"\s+MIG\s+(\S+)\s+Device\s+(\d+):\s+\(UUID: (MIG-[^)]+)\)")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU or a MIG slice. `id` is its name in CUDA_VISIBLE_DEVICES; `free_bytes` is None when unknown."""

    id: str
    name: str
    free_bytes: int | None


@dataclass(frozen=True, slots=True)
class Board:
    """A physical GPU, and its slices in MIG mode, in which only the slices can be used."""

    gpu: Gpu
    is_divided: bool = False
    slices: tuple[Gpu, ...] = ()

    @property
    def usable(self) -> tuple[Gpu, ...]:
        """The devices that programs can use."""
        return self.slices if self.is_divided else (self.gpu,)


def find_gpus(environ: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return the GPUs that a process with this environment may use, in order; empty without an NVIDIA driver."""
    if environ.get(VISIBLE_DEVICES) in {"", "-1", "NoDevFiles"}:
        return ()
    return visible(_boards(), environ.get(VISIBLE_DEVICES))


def visible(boards: Sequence[Board], wanted: str | None) -> tuple[Gpu, ...]:
    """Return the GPUs named by a value of CUDA_VISIBLE_DEVICES, up to the first entry that names none, like CUDA.

    A number stays a number in the trial's environment, so that CUDA interprets it there as here.
    """
    if wanted is None:
        return tuple(gpu for board in boards for gpu in board.usable)
    found: dict[str, Gpu] = {}
    for entry in wanted.split(","):
        named = _named(boards, entry.strip())
        if named is None:
            logger.warning("%s=%s: %r does not name a GPU of this machine", VISIBLE_DEVICES, wanted, entry)
            break
        device, gpu = named
        found.setdefault(device, gpu)
    return tuple(found.values())


def _named(boards: Sequence[Board], entry: str) -> tuple[str, Gpu] | None:
    """The UUID of the device that an entry names, and the GPU with the entry's text as its id."""
    if entry.isdecimal():
        if int(entry) >= len(boards):
            return None
        board = boards[int(entry)]
        # For the number of a GPU in MIG mode, CUDA uses one of its slices; which one is not documented.
        return board.gpu.id, replace(board.gpu, id=entry, free_bytes=None if board.is_divided else board.gpu.free_bytes)
    matches = [gpu for board in boards for gpu in board.usable if entry and gpu.id.startswith(entry)]
    return (matches[0].id, matches[0]) if len(matches) == 1 else None


def _boards() -> tuple[Board, ...]:
    try:
        boards = parse_boards(_nvidia_smi("-q", "-x"))
        if any(board.slices for board in boards):
            return with_slice_ids(boards, _nvidia_smi("-L"))
    except FileNotFoundError:
        return ()
    except (OSError, subprocess.SubprocessError, ElementTree.ParseError, ValueError) as error:
        logger.warning("%s cannot list the GPUs, so trials get no GPU: %s", NVIDIA_SMI, _reason(error))
        return ()
    return boards


def _nvidia_smi(*arguments: str) -> str:
    # Found on the PATH: the driver installs it in a folder that depends on the distribution.
    listing = subprocess.run(
        [NVIDIA_SMI, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LISTING_LIMIT_S,
        check=True,
    )
    return listing.stdout


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        output = (error.stdout or error.stderr or "").strip()
        return output.splitlines()[0] if output else f"exit code {error.returncode}"
    return str(error)


def parse_boards(listing: str) -> tuple[Board, ...]:
    """Parse the output of `nvidia-smi -q -x`, in which a slice has its index as id. Raises ParseError, ValueError."""
    root = ElementTree.fromstring(listing)  # noqa: S314 - written by the driver's own program
    return tuple(_board(element) for element in root.iterfind("gpu"))


def _board(element: ElementTree.Element) -> Board:
    name = element.findtext("product_name", "GPU")
    gpu = Gpu(_required(element, "uuid"), name, _free_bytes(element))
    slices = tuple(
        Gpu(_required(part, "index"), f"{name} (MIG)", _free_bytes(part))
        for part in element.iterfind("mig_devices/mig_device")
    )
    return Board(gpu, element.findtext("mig_mode/current_mig") == "Enabled", slices)


def _required(element: ElementTree.Element, tag: str) -> str:
    text = element.findtext(tag)
    if not text:
        raise ValueError(f"<{element.tag}> without <{tag}>")
    return text.strip()


def _free_bytes(element: ElementTree.Element) -> int | None:
    match = re.fullmatch(r"(\d+) MiB", element.findtext("fb_memory_usage/free", "").strip())
    return int(match[1]) * MIB if match else None


def with_slice_ids(boards: Sequence[Board], listing: str) -> tuple[Board, ...]:
    """Return the boards with the UUIDs of their slices, from `nvidia-smi -L`. Slices not listed there are removed."""
    ids = {(board, index): (uuid, profile) for board, index, uuid, profile in _slices(listing)}
    return tuple(
        replace(
            board,
            slices=tuple(
                replace(part, id=ids[key][0], name=f"{board.gpu.name} MIG {ids[key][1]}")
                for part in board.slices
                if (key := (board.gpu.id, part.id)) in ids
            ),
        )
        for board in boards
    )


def _slices(listing: str) -> Iterator[tuple[str, str, str, str]]:
    """Board id, index on the board, UUID and profile of each slice."""
    board = ""
    for line in listing.splitlines():
        if match := _BOARD_LINE.match(line):
            board = match[2]
        elif match := _SLICE_LINE.match(line):
            yield board, match[2], match[3], match[1]
