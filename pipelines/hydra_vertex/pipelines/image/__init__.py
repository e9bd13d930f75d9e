"""Builds an image of a user's own app with hydra-trial in it, by the command `docker`."""
