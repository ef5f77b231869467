"""The command line: what a person types, and what the terminal shows."""

from couloir.cli.app import main, run

__all__ = ["main", "run"]
