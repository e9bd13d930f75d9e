"""The launching side: search space to job, job to service, trials to the best config and a report."""
