"""The jobs of one service while they run: one run a job, and what is resumed after a restart."""
