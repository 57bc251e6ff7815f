"""Minimal NumPy references of sixteen small neural networks, as five teaching documents describe them.

Pure functions over dicts of arrays; the same code runs on float32, float64, complex128 and balls.
"""

__version__ = "0.2.0"
