"""Makes the environment of the tests a known one: what is set or missing on a machine is no part of what is tested.

Called once, before a test module is imported; child processes inherit it. `KEEP_ENVIRONMENT=1` leaves everything as it
is (tests/hostile says what that is for).
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

KEPT = frozenset(
    (
        "PATH",
        "TMPDIR",
        "HYPOTHESIS_PROFILE",
        "FUZZ_CASES",
        "HYDRA_CHECKOUT",
        "KILL_SEEDS",
        "LIGHTNING_HYDRA_TEMPLATE",
        "PYTHONWARNINGS",  # the matrix asks for it
        "PYTHONHASHSEED",
        "LD_LIBRARY_PATH",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
    )
)
KEPT_BEGINNINGS = ("COVERAGE_", "DOCKER_", "OPENBLAS_CORETYPE", "OPENBLAS_L2", "PIP_", "PYTEST_", "UV_")

SET = {
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "USER": "tester",
    # No GPU of this machine takes part: the tests of GPUs bring their own nvidia-smi.
    "CUDA_VISIBLE_DEVICES": "",
}


def make_known() -> None:
    """Variables, home, umask, time zone and standard input; modules of PYTHONPATH are not found any more."""
    if os.environ.get("KEEP_ENVIRONMENT"):
        return
    _forget_pythonpath()
    known = _known(os.environ)
    os.environ.clear()
    os.environ.update(known)
    os.umask(0o022)
    time.tzset()
    _open_stdin()


def _known(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: text for name, text in environ.items() if name in KEPT or name.startswith(KEPT_BEGINNINGS)}
    # pyenv's programs on PATH look for their versions below the home.
    pyenv = environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")  # noqa: PTH111 - there may be no home
    return {**kept, **SET, "HOME": _empty_home(), "PYENV_ROOT": pyenv}


def _empty_home() -> str:
    """Removed when this process ends."""
    home = tempfile.mkdtemp(prefix="hydra-vertex-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


def _forget_pythonpath() -> None:
    folders = {os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part}  # noqa: PTH100
    sys.path[:] = [part for part in sys.path if os.path.abspath(part) not in folders]  # noqa: PTH100


def _open_stdin() -> None:
    """A closed standard input would be the number of the next file that is opened."""
    try:
        os.fstat(0)
    except OSError:
        Path(os.devnull).open()  # noqa: SIM115 - it is to stay open, as number 0
