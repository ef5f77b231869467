"""Figures of what the book computes besides, one file an experiment."""
