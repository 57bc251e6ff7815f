"""The table of truth: a verdict on each figure that a document prints, from the ledgers of replays."""
