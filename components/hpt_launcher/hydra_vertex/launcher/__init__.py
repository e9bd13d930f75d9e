"""The launcher: builds a tuning job from a search space, sends and watches it, selects the best trial, and reports."""
