"""The machine types and accelerators that are known, as data, collected by hand: rows may be missing or too generous.

The pages to compare it with: https://cloud.google.com/vertex-ai/docs/training/configure-compute for the types of
training, https://cloud.google.com/compute/docs/machine-resource for their sizes,
https://cloud.google.com/compute/docs/gpus for the accelerators, and
https://cloud.google.com/vertex-ai/docs/training/training-with-tpu-vm for TPUs.
"""

from __future__ import annotations

TABLE_DATE = "2025-11"
"""The month up to which types are in the tables. `--no-machine-check` passes what is newer, or missing."""

# GB of memory per vCPU, and the available numbers of vCPUs, of the types named SERIES-VCPUS.
SERIES = {
    "n1-standard": (3.75, (1, 2, 4, 8, 16, 32, 64, 96)),
    "n1-highmem": (6.5, (2, 4, 8, 16, 32, 64, 96)),
    "n1-highcpu": (0.9, (2, 4, 8, 16, 32, 64, 96)),
    "n2-standard": (4.0, (2, 4, 8, 16, 32, 48, 64, 80, 96, 128)),
    "n2-highmem": (8.0, (2, 4, 8, 16, 32, 48, 64, 80, 96, 128)),
    "n2-highcpu": (1.0, (2, 4, 8, 16, 32, 48, 64, 80, 96)),
    "n2d-standard": (4.0, (2, 4, 8, 16, 32, 48, 64, 80, 96, 128, 224)),
    "n2d-highmem": (8.0, (2, 4, 8, 16, 32, 48, 64, 80, 96)),
    "n2d-highcpu": (1.0, (2, 4, 8, 16, 32, 48, 64, 80, 96, 128, 224)),
    "n4-standard": (4.0, (2, 4, 8, 16, 32, 48, 64, 80)),
    "n4-highmem": (8.0, (2, 4, 8, 16, 32, 48, 64, 80)),
    "n4-highcpu": (2.0, (2, 4, 8, 16, 32, 48, 64, 80)),
    "e2-standard": (4.0, (2, 4, 8, 16, 32)),
    "e2-highmem": (8.0, (2, 4, 8, 16)),
    "e2-highcpu": (1.0, (2, 4, 8, 16, 32)),
    "c2-standard": (4.0, (4, 8, 16, 30, 60)),
    "c2d-standard": (4.0, (2, 4, 8, 16, 32, 56, 112)),
    "c2d-highmem": (8.0, (2, 4, 8, 16, 32, 56, 112)),
    "c2d-highcpu": (2.0, (2, 4, 8, 16, 32, 56, 112)),
    "c3-standard": (4.0, (4, 8, 22, 44, 88, 176)),
    "c3-highmem": (8.0, (4, 8, 22, 44, 88, 176)),
    "c3-highcpu": (2.0, (4, 8, 22, 44, 88, 176)),
    "c4-standard": (3.75, (2, 4, 8, 16, 24, 32, 48, 96, 144, 192, 288)),
    "c4-highmem": (7.75, (2, 4, 8, 16, 24, 32, 48, 96, 144, 192, 288)),
    "c4-highcpu": (2.0, (2, 4, 8, 16, 24, 32, 48, 96, 144, 192, 288)),
    "m1-ultramem": (24.025, (40, 80, 160)),
    "m1-megamem": (14.93, (96,)),
}
# Accelerator, number of accelerators, vCPUs and GB of memory of the types with built-in accelerators.
WITH_ACCELERATORS = {
    "g2-standard-4": ("NVIDIA_L4", 1, 4, 16.0),
    "g2-standard-8": ("NVIDIA_L4", 1, 8, 32.0),
    "g2-standard-12": ("NVIDIA_L4", 1, 12, 48.0),
    "g2-standard-16": ("NVIDIA_L4", 1, 16, 64.0),
    "g2-standard-24": ("NVIDIA_L4", 2, 24, 96.0),
    "g2-standard-32": ("NVIDIA_L4", 1, 32, 128.0),
    "g2-standard-48": ("NVIDIA_L4", 4, 48, 192.0),
    "g2-standard-96": ("NVIDIA_L4", 8, 96, 384.0),
    "g4-standard-48": ("NVIDIA_RTX_PRO_6000", 1, 48, 180.0),
    "g4-standard-96": ("NVIDIA_RTX_PRO_6000", 2, 96, 360.0),
    "g4-standard-192": ("NVIDIA_RTX_PRO_6000", 4, 192, 720.0),
    "g4-standard-384": ("NVIDIA_RTX_PRO_6000", 8, 384, 1440.0),
    "a2-highgpu-1g": ("NVIDIA_TESLA_A100", 1, 12, 85.0),
    "a2-highgpu-2g": ("NVIDIA_TESLA_A100", 2, 24, 170.0),
    "a2-highgpu-4g": ("NVIDIA_TESLA_A100", 4, 48, 340.0),
    "a2-highgpu-8g": ("NVIDIA_TESLA_A100", 8, 96, 680.0),
    "a2-megagpu-16g": ("NVIDIA_TESLA_A100", 16, 96, 1360.0),
    "a2-ultragpu-1g": ("NVIDIA_A100_80GB", 1, 12, 170.0),
    "a2-ultragpu-2g": ("NVIDIA_A100_80GB", 2, 24, 340.0),
    "a2-ultragpu-4g": ("NVIDIA_A100_80GB", 4, 48, 680.0),
    "a2-ultragpu-8g": ("NVIDIA_A100_80GB", 8, 96, 1360.0),
    "a3-highgpu-1g": ("NVIDIA_H100_80GB", 1, 26, 234.0),
    "a3-highgpu-2g": ("NVIDIA_H100_80GB", 2, 52, 468.0),
    "a3-highgpu-4g": ("NVIDIA_H100_80GB", 4, 104, 936.0),
    "a3-highgpu-8g": ("NVIDIA_H100_80GB", 8, 208, 1872.0),
    "a3-edgegpu-8g": ("NVIDIA_H100_80GB", 8, 208, 1872.0),
    "a3-megagpu-8g": ("NVIDIA_H100_MEGA_80GB", 8, 208, 1872.0),
    "a3-ultragpu-8g": ("NVIDIA_H200_141GB", 8, 224, 2952.0),
    "a4-highgpu-8g": ("NVIDIA_B200", 8, 224, 3968.0),
    "a4x-highgpu-4g": ("NVIDIA_GB200", 4, 140, 884.0),
}
# For each accelerator that can be attached to an n1 machine: the number of them, and the most vCPUs with that number.
ATTACHED_TO_N1 = {
    "NVIDIA_TESLA_T4": {1: 48, 2: 48, 4: 96},
    "NVIDIA_TESLA_V100": {1: 12, 2: 24, 4: 48, 8: 96},
    "NVIDIA_TESLA_P100": {1: 16, 2: 32, 4: 96},
    "NVIDIA_TESLA_P4": {1: 24, 2: 48, 4: 96},
}
# GB of memory of one accelerator.
ACCELERATOR_GB = {
    "NVIDIA_TESLA_T4": 16,
    "NVIDIA_TESLA_V100": 16,
    "NVIDIA_TESLA_P100": 16,
    "NVIDIA_TESLA_P4": 8,
    "NVIDIA_L4": 24,
    "NVIDIA_RTX_PRO_6000": 96,
    "NVIDIA_TESLA_A100": 40,
    "NVIDIA_A100_80GB": 80,
    "NVIDIA_H100_80GB": 80,
    "NVIDIA_H100_MEGA_80GB": 80,
    "NVIDIA_H200_141GB": 141,
    "NVIDIA_B200": 180,
    "NVIDIA_GB200": 186,
}
# The accelerators that a TPU machine may name. Machines whose name has the number of chips need none.
TPU_MACHINES = {
    "cloud-tpu": ("TPU_V2", "TPU_V3"),
    "ct5lp-hightpu-1t": ("", "TPU_V5_LITEPOD"),
    "ct5lp-hightpu-4t": ("", "TPU_V5_LITEPOD"),
    "ct5lp-hightpu-8t": ("", "TPU_V5_LITEPOD"),
    "ct6e-standard-1t": ("",),
    "ct6e-standard-4t": ("",),
    "ct6e-standard-8t": ("",),
}
TPU_COUNTS = (8, 32, 64, 128, 256, 512)
"""The numbers of cores of a `cloud-tpu` machine."""
