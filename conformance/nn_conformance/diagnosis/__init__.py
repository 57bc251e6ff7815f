"""From numbers to a name: which mistake makes exactly what a failing target computes."""
