"""The program of the desk box. Everything but `pico.py` runs on any Python, and is tested there."""
