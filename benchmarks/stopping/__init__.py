"""Simulated studies with stopping rules, on recorded learning curves."""
