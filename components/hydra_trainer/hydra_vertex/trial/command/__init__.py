"""Parsing and starting of the app's command: script, module, console script or another program."""
