"""Sets up a known environment for the tests, so that results do not depend on the machine's variables.

Called once, before test modules are imported; child processes inherit the environment. `KEEP_ENVIRONMENT=1` keeps the
machine's environment (tests/hostile describes its use).
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
        "KUBECONFIG",
        "KUBE_KILL_API",
        "KUBE_LOSE_NODE",
        "KUBE_NODE_TO_LOSE",
        "FAULT_FIRST",
        "FAULT_SEEDS",
        "FUZZ_CASES",
        "GENERATED_APPS",
        "HYDRA_CHECKOUT",
        "EVERY_TEST",
        "KILL_SEEDS",
        "LIGHTNING_HYDRA_TEMPLATE",
        "LIGHTNING_HYDRA_TEMPLATE_BIN",
        "SWEEP_CASES",
        "SWEEP_SEED",
        "PYTHONWARNINGS",  # set by the matrix
        "PYTHONHASHSEED",
        "SLURM_CONF",
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
    # The machine's GPUs are not used: the GPU tests have their own nvidia-smi.
    "CUDA_VISIBLE_DEVICES": "",
}


def make_known() -> None:
    """Set variables, home, umask, time zone and stdin, and remove the folders of PYTHONPATH from `sys.path`."""
    if os.environ.get("KEEP_ENVIRONMENT"):
        return
    _forget_pythonpath()
    known = _known(os.environ)
    os.environ.clear()
    os.environ.update(known)
    # The apps of the tests run in the Python that is first on PATH, which has to have the tests' libraries.
    os.environ["PATH"] = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ.get('PATH', os.defpath)}"  # noqa: PTH120
    os.umask(0o022)
    time.tzset()
    _open_stdin()


def _known(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: text for name, text in environ.items() if name in KEPT or name.startswith(KEPT_BEGINNINGS)}
    # pyenv's programs on PATH search for their versions below the home folder.
    pyenv = environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")  # noqa: PTH111 - there may be no home folder
    return {**kept, **SET, "HOME": _empty_home(), "PYENV_ROOT": pyenv}


def _empty_home() -> str:
    """Return a new empty folder, which is removed when this process exits."""
    home = tempfile.mkdtemp(prefix="hydra-vertex-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


def _forget_pythonpath() -> None:
    folders = {os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part}  # noqa: PTH100
    sys.path[:] = [part for part in sys.path if os.path.abspath(part) not in folders]  # noqa: PTH100


def _open_stdin() -> None:
    """Open /dev/null if stdin is closed: otherwise the next opened file would get file descriptor 0."""
    try:
        os.fstat(0)
    except OSError:
        Path(os.devnull).open()  # noqa: SIM115 - stays open as file descriptor 0
