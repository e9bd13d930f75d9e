"""The engine of this machine for trials of several workers: each worker is a supervised process."""
