"""The operating system: processes, the clock, file limits, the lock of the folder, files that others can replace."""
