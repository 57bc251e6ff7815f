"""Other libraries as oracles: each computes a case from its description alone, sharing no formula with the reference."""
