"""Earlier studies that a new one begins with: reading them, and what they say about its search space."""
