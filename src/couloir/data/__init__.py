"""Data: loading, splitting and preparing; nothing here knows of networks."""
