"""The command `hydra-vertex`."""
