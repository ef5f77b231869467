"""Couloir."""
