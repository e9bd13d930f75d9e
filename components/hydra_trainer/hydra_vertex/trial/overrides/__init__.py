"""Converts the arguments of a trial into Hydra overrides."""
