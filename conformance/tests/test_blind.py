"""Programs by people who had not seen the catalogue: what is said of them is true, and what was named stays named.

`blind/development` is read while the explanation is worked on, so what it shows is no measure of new code.
`blind/sealed.tar.gz` holds as many programs that were not looked at.
"""

from pathlib import Path

import pytest
from blind_set import key_of, outcome

FOLDER = Path(__file__).parent / "blind" / "development"
KEY = key_of(FOLDER)
RIGHT = sorted(name for name, entry in KEY.items() if entry["right"])
# What right code can be told too: its numbers are right but where logits are extreme.
BLEMISHES = {"exp-overflows", "log-of-zero", "log-epsilon"}
WRONG = sorted(name for name, entry in KEY.items() if not entry["right"])


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_accused_of_nothing(name):
    """A program without a mistake passes, and none is named but at extreme logits; where it fails, its key says why."""
    said = outcome(FOLDER / name)

    assert said.caught == ("fails" in KEY[name])
    assert said.slugs <= (BLEMISHES if said.caught else set())


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_program_is_caught_and_named(name):
    """A program with mistakes fails; where its key says by which names they were found, all of these are said."""
    said = outcome(FOLDER / name)

    assert said.caught
    assert set(KEY[name].get("named", [])) <= said.slugs
