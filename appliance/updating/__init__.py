"""Renewing the box's system: what an update is, where it is written, how it proves itself."""
