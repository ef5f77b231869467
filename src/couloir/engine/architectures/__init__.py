"""How a network is laid out: its initial parameters and what it computes, one architecture a file."""
