"""The commands of `hydra-vertex`, a module each: `add_command` declares its options, `run` does it."""
