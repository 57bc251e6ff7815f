"""`python -m nn_conformance`."""

from nn_conformance.cli.main import main

main()
