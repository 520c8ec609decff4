"""Freizeichen: a hotline in a box. The supervisor that makes Asterisk smart."""

__version__ = "0.1.0"
