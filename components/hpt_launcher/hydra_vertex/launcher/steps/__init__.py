"""The launcher's two pipeline steps, `tune` and `select_best`, and their KFP components."""
