"""What the API refuses, by the path of the field."""
