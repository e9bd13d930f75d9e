"""Early stopping: which running trials to stop, by the automated stopping rule of the study's spec.

The functions are pure, and a decision takes milliseconds. No rule stops a trial before a few others have ended, because
there is nothing to compare it with.
"""

from .decide import EarlyStop, decide

__all__ = ["EarlyStop", "decide"]
