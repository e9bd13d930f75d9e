"""The commands of `hydra-vertex`, one module each: `add_command` adds the options, `run` runs the command."""
