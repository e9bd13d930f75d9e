"""The resources of this machine for trials: GPU slots, CPU threads, memory.

::

    resource_options  the user's limits, from the command line of three programs
    gpus              the GPUs and MIG slices of the machine, from nvidia-smi and CUDA_VISIBLE_DEVICES
    cpus              the number of CPUs that this process may use, from affinity and cgroup
    capacity          how many trials may run at once and on which GPUs
    slots             allocates the slots to jobs fairly
    environ           the environment variables of a trial's GPU and CPU threads
"""
