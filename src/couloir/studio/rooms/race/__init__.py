"""The race room: `setup` is what is to be run, `running` runs and keeps it, `lines` are the Python lines."""
