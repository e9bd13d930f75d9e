"""What a trial, its launcher and the tuning service agree on. Others import this part of the trial side alone."""
