"""Replays: each system trained as its document trains it, in three frameworks, and what came out as ledgers."""
