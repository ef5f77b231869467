"""Figures of a race of rules on data."""
