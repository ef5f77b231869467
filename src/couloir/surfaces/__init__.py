"""Losses over two coordinates: surfaces, the rules' paths on them, and races down them."""
