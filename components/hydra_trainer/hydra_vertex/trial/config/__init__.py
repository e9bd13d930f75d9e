"""The app's config: how it is composed, the types of its keys, and how values are written for Hydra."""
