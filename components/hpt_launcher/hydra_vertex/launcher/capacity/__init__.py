"""Where and how the machines of trials are obtained: scheduling strategies, and a ladder of them over locations."""
