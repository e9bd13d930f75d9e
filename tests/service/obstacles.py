"""A trial command that replaces one of the trial's files by an obstacle; each trial has another file or obstacle."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

LOOK_S = 1.2
"""How long the trial keeps running with the obstacle: the service reads the files every half second."""


def put_fifo(path: Path) -> None:
    os.mkfifo(path)


def put_link_to_fifo(path: Path) -> None:
    os.mkfifo(path.with_suffix(".fifo"))
    path.symlink_to(path.with_suffix(".fifo"))


def put_link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def put_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def put_link_to_endless_kernel_file(path: Path) -> None:
    path.symlink_to("/proc/self/mem")


def put_folder(path: Path) -> None:
    (path / "inner").mkdir(parents=True)


def put_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is at most 107 bytes long
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(before)


OBSTACLES = [
    put_fifo,
    put_link_to_fifo,
    put_link_to_device,
    put_link_to_itself,
    put_link_to_endless_kernel_file,
    put_folder,
    put_socket,
]


def main() -> int:
    """Replace one of the trial's files by an obstacle. Return 3 when that file is the log."""
    metrics = Path(os.environ["CLOUD_ML_HP_METRIC_FILE"])
    case = int(os.environ["CLOUD_ML_TRIAL_ID"]) - 1
    put = OBSTACLES[case // 3]
    file = (metrics, metrics.with_name("log.txt"), metrics.with_name("exit.json"))[case % 3]
    if file != metrics:
        metrics.write_text('{"loss": 1, "global_step": 1}\n')
    file.unlink(missing_ok=True)
    put(file)
    time.sleep(LOOK_S)
    return 3 if file.name == "log.txt" else 0


if __name__ == "__main__":
    sys.exit(main())
