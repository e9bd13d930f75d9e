"""What the arguments of a trial become: Hydra overrides."""
