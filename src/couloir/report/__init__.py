"""The page of a run: one HTML file that works offline, from the numbers in the run's files."""

from couloir.report.page import render, write_report

__all__ = ["render", "write_report"]
