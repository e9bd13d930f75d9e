"""The parts of `search_quality.py`: problems, engines, and a simulated clock."""
