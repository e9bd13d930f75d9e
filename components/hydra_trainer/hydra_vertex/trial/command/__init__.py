"""The app's command, and how it is started: script, module, console script or another program."""
