"""Programs by language models that had not seen the rules: what is said is true, and what was named stays named.

`blind/first` was read while the rules were written. `blind/second` was judged once, when they were done: of its 42 wrong
programs all were caught, and of 30 every mistake was named, counted by hand. Rules that it lacked came after that, so
neither measures what comes next: for that, have new programs written.
"""

from pathlib import Path

import pytest
from blind_set import key_of, outcome

BLIND = Path(__file__).parent / "blind"
KEY = {f"{folder}/{name}": entry for folder in ("first", "second") for name, entry in key_of(BLIND / folder).items()}
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
    """A program with mistakes fails; where its key says by which names they were found, all of these are said."""
    said = outcome(BLIND / name)

    assert said.caught
    assert set(KEY[name].get("named", [])) <= said.slugs
