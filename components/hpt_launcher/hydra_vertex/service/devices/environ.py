"""Environment variables that assign a GPU, its memory and a number of CPU threads to a trial. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from .gpus import MIB, VISIBLE_DEVICES

OPENMP = "OMP_NUM_THREADS"
THREAD_VARIABLES = (
    OPENMP,  # OpenMP, and with it torch, LightGBM, XGBoost and scikit-learn
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
SHARED_GPU = {
    # JAX and TensorFlow allocate most of a GPU's memory at their start, and leave too little for the next trial.
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}


def thread_environ(threads: int, set_already: Mapping[str, str]) -> dict[str, str]:
    """Return the thread variables that are not set yet, with OMP_NUM_THREADS as their value if the user has set it."""
    count = set_already.get(OPENMP, str(threads))
    return {name: count for name in THREAD_VARIABLES if name not in set_already}


def gpu_environ(gpu: str | None, trials_per_gpu: int, memory_bytes: int | None) -> dict[str, str]:
    """Return the variables that assign GPUs to a trial; empty without one. CUDA's MPS enforces the limit of each GPU.

    `gpu` names one or several, separated by commas.

    Source: https://docs.nvidia.com/deploy/mps/ for CUDA_MPS_PINNED_DEVICE_MEM_LIMIT, by visible device.
    """
    if gpu is None:
        return {}
    each = (f"{place}={(memory_bytes or 0) // MIB}M" for place in range(len(gpu.split(","))))
    limit = {} if memory_bytes is None else {"CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": ",".join(each)}
    return {VISIBLE_DEVICES: gpu, **(SHARED_GPU if trials_per_gpu > 1 else {}), **limit}
