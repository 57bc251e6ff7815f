"""Verdicts on a target: its calls, what they are compared with, the limits, and the ladder of checks."""
