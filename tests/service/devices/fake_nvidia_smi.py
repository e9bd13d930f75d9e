"""A fake `nvidia-smi` with the output of the real one, for GPUs that the test chooses."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

FIRST = "GPU-11111111-aaaa-4aaa-8aaa-111111111111"
SECOND = "GPU-22222222-bbbb-4bbb-8bbb-222222222222"
SLICE_OF_SECOND = "MIG-0a0a0a0a-0000-5000-9000-0a0a0a0a0a0a"
OTHER_SLICE_OF_SECOND = "MIG-0b0b0b0b-0000-5000-9000-0b0b0b0b0b0b"


@dataclass(frozen=True)
class Card:
    """A GPU; with slices (UUID, profile, free MiB) it is in MIG mode."""

    uuid: str
    free: str = "80000 MiB"
    slices: tuple[tuple[str, str, int], ...] = ()
    mig_mode: str = "Disabled"


PLAIN = (Card(FIRST), Card(SECOND, "40000 MiB"))
DIVIDED = (
    Card(FIRST),
    Card(
        SECOND,
        slices=((SLICE_OF_SECOND, "1g.10gb", 9856), (OTHER_SLICE_OF_SECOND, "2g.20gb", 19968)),
        mig_mode="Enabled",
    ),
)


def as_xml(cards: tuple[Card, ...]) -> str:
    """The output of `nvidia-smi -q -x`, with neighbouring elements that are not read."""
    return (
        '<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">\n<nvidia_smi_log>'
        f"<driver_version>570.86.15</driver_version><attached_gpus>{len(cards)}</attached_gpus>"
        f"{''.join(map(_gpu, cards))}</nvidia_smi_log>\n"
    )


def as_list(cards: tuple[Card, ...]) -> str:
    """The output of `nvidia-smi -L`."""
    lines = []
    for number, card in enumerate(cards):
        lines.append(f"GPU {number}: NVIDIA H100 80GB HBM3 (UUID: {card.uuid})")
        lines += [
            f"  MIG {profile:<14} Device {i:>2}: (UUID: {uuid})" for i, (uuid, profile, _) in enumerate(card.slices)
        ]
    return "\n".join(lines) + "\n"


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, cards: tuple[Card, ...]) -> None:
    """Put an `nvidia-smi` on the PATH that lists these GPUs, and unset CUDA_VISIBLE_DEVICES."""
    folder.mkdir()
    (folder / "xml").write_text(as_xml(cards))
    (folder / "list").write_text(as_list(cards))
    place = shlex.quote(str(folder))
    install_script(
        folder,
        monkeypatch,
        f'case "$*" in "-q -x") cat {place}/xml;; -L) cat {place}/list;; *) echo "unknown: $*"; exit 2;; esac',
    )


def install_script(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put an `nvidia-smi` on the PATH that runs the shell script, and unset CUDA_VISIBLE_DEVICES."""
    folder.mkdir(exist_ok=True)
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def _gpu(card: Card) -> str:
    slices = "".join(
        f"<mig_device><index>{i}</index><gpu_instance_id>{i + 7}</gpu_instance_id>"
        f"<compute_instance_id>0</compute_instance_id>{_memory(f'{free} MiB')}</mig_device>"
        for i, (_, _, free) in enumerate(card.slices)
    )
    return (
        '<gpu id="00000000:07:00.0"><product_name>NVIDIA H100 80GB HBM3</product_name>'
        f"<mig_mode><current_mig>{card.mig_mode}</current_mig><pending_mig>{card.mig_mode}</pending_mig></mig_mode>"
        f"<mig_devices>{slices or 'None'}</mig_devices><uuid>{card.uuid}</uuid>{_memory(card.free)}"
        "<bar1_memory_usage><total>131072 MiB</total><free>131071 MiB</free></bar1_memory_usage></gpu>"
    )


def _memory(free: str) -> str:
    return f"<fb_memory_usage><total>81559 MiB</total><used>4 MiB</used><free>{free}</free></fb_memory_usage>"
