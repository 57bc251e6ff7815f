"""`python -m nn_conformance`."""

from nn_conformance.cli import main

main()
