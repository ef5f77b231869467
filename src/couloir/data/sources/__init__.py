"""Where data come from, a reader a file."""
