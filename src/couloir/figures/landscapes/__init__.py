"""Figures of the loss around a trained network."""
