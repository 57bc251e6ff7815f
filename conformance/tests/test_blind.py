"""Programs by language models that had not seen the rules: what is said is true, and what was named stays named.

`blind/first` was read while the rules were written. `blind/second` was judged once, when they were done: of its 42 wrong
programs all were caught, and of 30 every mistake was named, counted by hand. Rules that it lacked came after that, so
neither measures what comes next. Of the 32 wrong programs of `blind/third`, written later, 31 were caught at first; it was
read too, when the rules were mended that it had shown to be missing or to say too much. `blind/fourth` was judged once after
that: of its 32 wrong programs all failed, two of them for another reason than their key's; 21 had every mistake named, and
two were told something false. Its ten right ones passed. All four were read for the rules that came
next. The 80 programs of `blind/fifth` and `blind/sixth` were written together, by others again. Half, drawn at random, were
read: they are `fifth`, and of their 32 wrong ones 20 had every mistake named before. The other half is `sixth`, judged once
when the rules were done: of its 32 wrong programs all failed and 29 had every mistake named, and four were told something
false beside it or in its place; its eight right ones were accused of no mistake. What these had shown was mended after that.
`blind/seventh`, `eighth` and `ninth` are 80 programs each, by other authors again, who wrote each set without sight of the
others. Of each a random half was read, and what it showed was mended; then the other half was judged once. Of the 32 wrong
programs of these halves all were caught, and 22, 24 and 31 had every mistake named; five, three and none were told something
false. Of their eight right ones, one of `eighth` failed, by no mistake of its own. What they showed was mended after that.
`blind/tenth` was judged once, whole: of its 32 wrong programs 30 were caught, 25 had every mistake named, and one was told
something false; its eight right ones were accused of no mistake.
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
