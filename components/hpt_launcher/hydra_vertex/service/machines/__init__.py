"""Measuring what the machines of trials are busy with: processes, GPUs, and curves of a limited size."""
