"""What a study costs: an estimate before it starts, and what it has used."""
