"""The launcher's steps of a pipeline, and their KFP components."""
