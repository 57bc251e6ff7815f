"""What maintains the project and is not installed: `python -m nn_maintain --help` in a checkout."""
