"""Figures of one training: curves, responses, results."""
