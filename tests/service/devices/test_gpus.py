"""Finding the GPUs for trials."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import pytest

from hydra_vertex.service.devices.gpus import Gpu, find_gpus, parse_boards, visible, with_slice_ids
from service.devices.fake_nvidia_smi import (
    DIVIDED,
    FIRST,
    OTHER_SLICE_OF_SECOND,
    PLAIN,
    SECOND,
    SLICE_OF_SECOND,
    Card,
    as_list,
    as_xml,
    install,
    install_script,
)

MIB = 1 << 20
H100 = "NVIDIA H100 80GB HBM3"


def found(cards: tuple[Card, ...], wanted: str | None) -> list[str]:
    boards = with_slice_ids(parse_boards(as_xml(cards)), as_list(cards))
    return [gpu.id for gpu in visible(boards, wanted)]


def test_every_gpu_that_is_listed_is_found_with_its_free_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", monkeypatch, PLAIN)
    assert find_gpus(os.environ) == (Gpu(FIRST, H100, 80000 * MIB), Gpu(SECOND, H100, 40000 * MIB))


def test_a_divided_gpu_is_found_as_its_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "bin", monkeypatch, DIVIDED)
    assert find_gpus(os.environ) == (
        Gpu(FIRST, H100, 80000 * MIB),
        Gpu(SLICE_OF_SECOND, f"{H100} MIG 1g.10gb", 9856 * MIB),
        Gpu(OTHER_SLICE_OF_SECOND, f"{H100} MIG 2g.20gb", 19968 * MIB),
    )


def test_a_gpu_in_mig_mode_without_slices_cannot_be_used() -> None:
    assert found((Card(FIRST, mig_mode="Enabled"), Card(SECOND)), None) == [SECOND]


@pytest.mark.parametrize("free", ["N/A", "[N/A]", "", "Unknown Error"])
def test_unknown_free_memory_is_none(free: str) -> None:
    (board,) = parse_boards(as_xml((Card(FIRST, free),)))
    assert board.gpu.free_bytes is None


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (None, [FIRST, SECOND]),
        ("1", ["1"]),
        ("1,0", ["1", "0"]),
        (" 0 , 1 ", ["0", "1"]),
        ("0,0", ["0"]),
        (f"1,{SECOND},0,00", ["1", "0"]),
        (f"GPU-1111,0,{SECOND}", [FIRST, SECOND]),
        (SECOND, [SECOND]),
        ("GPU-2222", [SECOND]),
        ("GPU-", []),
        ("0,7,1", ["0"]),
        ("0,-1,1", ["0"]),
        ("-1", []),
        ("", []),
        ("nonsense", []),
    ],
)
def test_visible_devices_are_interpreted_as_by_cuda(wanted: str | None, ids: list[str]) -> None:
    assert found(PLAIN, wanted) == ids


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (f"{OTHER_SLICE_OF_SECOND},{FIRST}", [OTHER_SLICE_OF_SECOND, FIRST]),
        (SECOND, []),
        ("1", ["1"]),
    ],
)
def test_slices_are_named_by_their_own_ids(wanted: str, ids: list[str]) -> None:
    assert found(DIVIDED, wanted) == ids


@pytest.mark.parametrize("hidden", ["", "-1", "NoDevFiles"])
def test_hidden_gpus_are_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    install_script(tmp_path, monkeypatch, f"touch {tmp_path}/was-run")
    assert find_gpus({**os.environ, "CUDA_VISIBLE_DEVICES": hidden}) == ()
    assert not (tmp_path / "was-run").exists()


def test_without_a_driver_there_is_no_gpu_and_no_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus({}) == ()
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18", "Driver/library version"),
        ("echo 'no XML at all'", "not well-formed|syntax error"),
        ("echo '<nvidia_smi_log><gpu><product_name>x</product_name></gpu></nvidia_smi_log>'", "<gpu> without <uuid>"),
        ("exit 9", "exit code 9"),
    ],
)
def test_a_driver_that_fails_is_logged_and_trials_run_on_the_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, script: str, reason: str
) -> None:
    install_script(tmp_path, monkeypatch, script)
    with caplog.at_level(logging.WARNING):
        assert find_gpus(os.environ) == ()
    (record,) = caplog.records
    assert record.getMessage().startswith("nvidia-smi cannot list the GPUs, so trials get no GPU: ")
    assert re.search(reason, record.getMessage())
