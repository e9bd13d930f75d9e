"""Which trial won, and its config as a Hydra experiment file."""
