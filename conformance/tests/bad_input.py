"""What the tests of bad input share: a small batch that is right, and the one line with which it is refused when spoilt."""

import numpy as np
import pytest

from nn_reference.errors import InputError
from nn_reference.optimizers import SGD
from nn_reference.systems import get

SGD1 = SGD(learning_rate=0.1)


def batch(name="iris-relu-adam", rows=5):
    """A network, and the first rows of its training data with its starting weights, in float64."""
    system = get(name)
    data = system.load().astype(np.float64)
    params = {key: p.astype(np.float64) for key, p in system.start().items()}
    return system.network, {"params": params, "x": data.train_x[:rows], "t": data.train_t[:rows]}


def line(function, *arguments, error=InputError, **more):
    """The one line with which `function` refuses its arguments."""
    with pytest.raises(error) as caught:
        function(*arguments, **more)
    assert type(caught.value) is error
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


def spoilt(array, value):
    """A copy with `value` in the second row, first column."""
    out = array.copy()
    out[1, 0] = value
    return out
