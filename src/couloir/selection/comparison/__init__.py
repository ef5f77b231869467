"""Rules compared on data: replicates, paired tests, and what can be said of them."""
