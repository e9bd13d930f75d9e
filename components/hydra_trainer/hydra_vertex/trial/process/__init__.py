"""The trial's process: process 1 of a container, signals, child processes, a hold after a failure."""
