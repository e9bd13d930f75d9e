"""The measurements of a trial: its metric file, and which of its reports are stored."""
