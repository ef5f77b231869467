"""Judging and choosing: problems, evaluation, comparisons, searches, ensembles."""
