"""Comparing and choosing: races between rules, searches over hyperparameters, ensembles."""
