"""The operating system: processes, the clock, the folder lock, files that a trial may have replaced."""
