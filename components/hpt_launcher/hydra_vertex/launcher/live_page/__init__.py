"""The live page: a study's report on loopback, which changes while the study runs, with buttons that stop it."""
