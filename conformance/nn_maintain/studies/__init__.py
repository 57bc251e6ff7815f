"""Two studies: starting weights that print a document's errors, and the exact run of a chaotic training."""
