"""Figures of surfaces and of races down them."""
