"""How one trial is launched, watched and ended."""
