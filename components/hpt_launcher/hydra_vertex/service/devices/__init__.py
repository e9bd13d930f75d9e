"""What trials are given of this machine: a place on a GPU, CPU threads, memory.

::

    options     what the user asked for, on the command line of three programs
    gpus        the GPUs and MIG slices that there are, by nvidia-smi and CUDA_VISIBLE_DEVICES
    cpus        the CPUs that this process may use, by affinity and cgroup
    capacity    how many trials may run at once and where: the options against what there is
    slots       the places while they are given out and come back, fairly among the jobs
    environ     what a trial's environment says of its place
"""
