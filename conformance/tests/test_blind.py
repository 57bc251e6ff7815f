"""Programs by language models that had not seen the rules: what is said is true, and what was named stays named.

README.md has how they were made, how many were caught and named at first, and what was told falsely.
"""

from pathlib import Path

import pytest
from blind_set import key_of, outcome

BLIND = Path(__file__).parent / "blind"
KEY = {
    f"{folder}/{name}": entry
    for folder in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    for name, entry in key_of(BLIND / folder).items()
}
RIGHT = sorted(name for name, entry in KEY.items() if entry["right"])
WRONG = sorted(name for name, entry in KEY.items() if not entry["right"])
# What code with the right formulas can be told too: its numbers err where logits are extreme, or by what a step leaves.
BLEMISHES = {"exp-overflows", "log-of-zero", "log-epsilon", "softmax-unshifted", "rough-differences"}


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_accused_of_nothing(name):
    """A program without a mistake passes; where it fails, its key says why, and no mistake in its formulas is named."""
    said = outcome(BLIND / name)

    assert said.caught == ("fails" in KEY[name])
    assert said.slugs <= (BLEMISHES if said.caught else set())


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_program_is_caught_and_named(name):
    """A program with mistakes fails, if its key does not say why it may pass; the names that its key has are all said."""
    said = outcome(BLIND / name)

    assert said.caught == ("escapes" not in KEY[name])
    assert set(KEY[name].get("named", [])) <= said.slugs
