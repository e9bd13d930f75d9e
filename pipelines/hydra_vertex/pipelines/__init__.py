"""The KFP pipeline (tune, select, retrain): compiler, plans, submission and local runs."""
