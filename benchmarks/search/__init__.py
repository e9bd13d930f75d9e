"""What `search_quality.py` compares: problems, engines, and a simulated clock."""
