"""Networks that are drawn at random: how they are drawn, how far honest code may be off, what fails."""
