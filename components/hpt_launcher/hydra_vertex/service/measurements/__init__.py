"""What a trial has measured: its metric file, and which of its reports are stored."""
