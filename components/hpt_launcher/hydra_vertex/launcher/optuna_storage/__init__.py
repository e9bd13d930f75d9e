"""Optuna storages: a job is written as a study, and a study is read as a job."""
