"""Selects the best trial and writes its config as a Hydra experiment file."""
