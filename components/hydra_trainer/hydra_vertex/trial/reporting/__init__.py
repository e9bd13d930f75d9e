"""What the app measures: its objective, its curves, and the metric file."""
