"""Small systems for the tests of replays, runs without their times, and Ctrl-C at a given moment."""

from dataclasses import replace

import numpy as np
from numpy.random import RandomState

from nn_conformance.replay import run as run_module
from nn_reference import systems
from nn_reference.preprocessing import one_hot
from nn_reference.systems import Data

TIMES = ("seconds", "resumed")
GET = systems.get


def small_data(samples=48, seed=0):
    """Images of noise, of which three in four pixels are zero."""
    rng = RandomState(seed)
    x = (rng.rand(samples, 784) * (rng.rand(samples, 784) < 0.25)).astype(np.float32)
    t = one_hot(rng.randint(0, 10, samples), 10, dtype=np.float32)
    return Data(x, t, x[:12], t[:12])


def without_times(run):
    """All that must be the same whenever and however often a run is made."""
    fields = {name: getattr(run, name) for name in run.__struct_fields__ if name not in TIMES}
    fields["rows"] = {name: column for name, column in run.rows.items() if name != "elapsed_seconds"}
    fields["final"] = {name: value for name, value in run.final.items() if "_ms_" not in name}
    return fields


class InterruptAfter:
    """A callback that presses Ctrl-C after so many epochs."""

    def __init__(self, epochs):
        self.epochs = epochs

    def __call__(self, done, _):
        if done == self.epochs:
            raise KeyboardInterrupt


def shrunk(monkeypatch, system_id, **recipe):
    """A system with few samples, and what else of its recipe is given, which `systems.get` then gives to replays."""
    system, data = GET(system_id), small_data()
    small = replace(system, load=lambda: data, recipe=replace(system.recipe, **recipe))
    monkeypatch.setattr(run_module.systems, "get", lambda _: small)
    return small
