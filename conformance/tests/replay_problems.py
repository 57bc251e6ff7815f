"""Small systems for the tests of replays."""

from dataclasses import replace

import numpy as np
from numpy.random import RandomState

from nn_conformance.replay import task
from nn_reference import systems
from nn_reference.preprocessing import one_hot
from nn_reference.systems import Data

GET = systems.get


def small_data(samples=48, seed=0):
    """Images of noise, of which three in four pixels are zero."""
    rng = RandomState(seed)
    x = (rng.rand(samples, 784) * (rng.rand(samples, 784) < 0.25)).astype(np.float32)
    t = one_hot(rng.randint(0, 10, samples), 10, dtype=np.float32)
    return Data(x, t, x[:12], t[:12])


def shrunk(monkeypatch, system_id, scale=1, **recipe):
    """A system with few samples, and what else of its recipe is given, which `systems.get` then gives to replays."""
    system, data = GET(system_id), small_data()
    data = replace(data, train_x=data.train_x * scale, test_x=data.test_x * scale)
    small = replace(system, load=lambda: data, recipe=replace(system.recipe, **recipe))
    monkeypatch.setattr(task.systems, "get", lambda *_: small)
    return small
