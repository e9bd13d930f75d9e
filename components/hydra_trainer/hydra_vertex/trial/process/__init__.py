"""The processes of a trial: process 1 of a container, signals, child processes, and the hold after a failure."""
