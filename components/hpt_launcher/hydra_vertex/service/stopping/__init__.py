"""Which running trials are to be stopped early, by the rule of the study's spec. Pure; a decision takes milliseconds.

No rule speaks before a handful of trials have ended: until then nobody knows what a good curve looks like.
"""

from .decide import EarlyStop, decide

__all__ = ["EarlyStop", "decide"]
