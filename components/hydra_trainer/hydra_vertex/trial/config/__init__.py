"""The app's config: its composition, the types of its keys, and the quoting of values for Hydra."""
