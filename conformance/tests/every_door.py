"""Functions that are judged through every door: mistakes of the catalogue in the homework network, and hostile ones."""

import sys

import msgspec
import numpy as np

from nn_conformance import conforms
from nn_conformance.cases.families import describe_network
from nn_conformance.cases.store import Store
from nn_conformance.judge.target import TargetError, Unsupported
from nn_maintain.mistakes import applicable
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.systems import get

HOMEWORK = describe_network(get("homework").network)
LEFT_OUT = {"update", "pruning"}  # kinds that a function of parameters cannot have


def network_of(params):
    """The homework network in the sizes of some parameters."""
    units, inputs = params["W1"].shape
    hidden, last = HOMEWORK.layers
    return msgspec.structs.replace(HOMEWORK, inputs=inputs, layers=[msgspec.structs.replace(hidden, units=units), last])


def with_mistakes(*mistakes):
    """A function that makes them in every call, and shows loss and gradients."""
    target = Mistaken(*mistakes)

    def function(params, x, t):
        answer = target.evaluate(network_of(params), params, x, t)
        return {"loss": answer.loss, "gradients": answer.gradients}

    return function


right = with_mistakes()


class UnreadableError(Exception):
    """An error whose message raises."""

    def __str__(self):
        raise ValueError("no message")


def target_error(**attributes):
    """A target's own error with other attributes; one that is None is missing."""
    error = TargetError("mine \x1b[31m" * 100)
    for name, value in attributes.items():
        setattr(error, name, value)
        if value is None:
            delattr(error, name)
    return error


class SilentType(type):
    """A class whose name cannot be read."""

    @property
    def __name__(cls):
        raise SystemExit(0)


NamelessError = SilentType("NamelessError", (Exception,), {})


def raises_from_nowhere(params, x, t):
    exec(compile("1 / 0", "/nowhere/\x1b[31m\udcff.py", "exec"))  # noqa: S102 - a frame whose file has an evil name


def raising(error):
    def function(params, x, t):
        raise error

    return function


def exits(params, x, t):
    sys.exit(0)


def recurses(params, x, t):
    return recurses(params, x, t)


def resizes(params, x, t):
    answer = right(params, x, t)
    x.resize((1, 1), refcheck=False)
    return answer


def retypes(params, x, t):
    answer = right(params, x, t)
    x.dtype = np.int64 if x.dtype == np.float64 else np.int32
    return answer


def writes_and_locks(params, x, t):
    answer = right(params, x, t)
    t[...] = 0
    t.flags.writeable = False
    return answer


def drops_a_parameter(params, x, t):
    answer = right(params, x, t)
    del params["b2"]
    return answer


def gradients_are(change):
    def function(params, x, t):
        return change(right(params, x, t)["gradients"])

    return function


def masked(gradients):
    return {name: np.ma.masked_array(g, np.zeros(np.shape(g), bool)) for name, g in gradients.items()}


HOSTILE = {
    "exits": exits,
    "interrupts": raising(KeyboardInterrupt()),
    "leaves_a_generator": raising(GeneratorExit()),
    "recurses": recurses,
    "unreadable": raising(UnreadableError()),
    "surrogates": raising(ValueError("lone \udcff surrogate")),
    "out_of_memory": raising(MemoryError()),
    "nameless": raising(NamelessError("hidden")),
    "from_nowhere": raises_from_nowhere,
    "errs_without_attributes": raising(target_error(failure=None, subject=None)),
    "errs_by_an_unknown_class": raising(target_error(failure=["answer"], subject=3)),
    "errs_as_the_judge": raising(target_error(failure="mismatch")),
    "errs_as_the_child": raising(target_error(failure="crashed")),
    "errs_of_too_much": raising(target_error(subject=["\udcff\x1b[2J" * 200, 7] * 20)),
    "unsupported": raising(Unsupported("not today")),
    "resizes": resizes,
    "retypes": retypes,
    "writes_and_locks": writes_and_locks,
    "drops_a_parameter": drops_a_parameter,
    "numbers_for_names": gradients_are(lambda g: dict(enumerate(g.values()))),
    "surrogate_names": gradients_are(lambda g: {name + "\udcff": a for name, a in g.items()}),
    "long_names": gradients_are(lambda g: {"W" * 100 + name: a for name, a in g.items()}),
    "coloured_names": gradients_are(lambda g: {name + "\x1b[31m": a for name, a in g.items()}),
    "many_names": gradients_are(lambda g: g | {f"W{k}": g["W1"] for k in range(3, 40)}),
    "masked": gradients_are(masked),
    "float32": gradients_are(lambda g: {name: np.asarray(a, np.float32) for name, a in g.items()}),
    "float16": gradients_are(lambda g: {name: np.asarray(a, np.float16) for name, a in g.items()}),
    "complex": gradients_are(lambda g: {name: a + 0j for name, a in g.items()}),
    "objects": gradients_are(lambda g: {name: np.asarray(a, object) for name, a in g.items()}),
    "strings": gradients_are(lambda g: {name: str(a) for name, a in g.items()}),
    "nan": gradients_are(lambda g: {name: a * np.nan for name, a in g.items()}),
    "wrong_shapes": gradients_are(lambda g: {name: np.ones((2, 2, 2)) for name in g}),
    "one_missing": gradients_are(lambda g: {name: g[name] for name in list(g)[1:]}),
    "nothing": lambda params, x, t: None,
    "text": lambda params, x, t: "loss",
}
CASE = Store().case("homework/probe-rectangular").case
SINGLE = [mistake for mistake in applicable(CASE) if mistake.kind not in LEFT_OUT]
MISTAKES = {mistake.slug: with_mistakes(mistake) for mistake in SINGLE}


def marked(name, function):
    """The function as if it had been written under a name of its own."""
    function.__name__ = name.replace("-", "_")
    return conforms("homework", dtypes=("float64",))(function)


TARGETS = {function.__name__: function for function in (marked(*item) for item in {**MISTAKES, **HOSTILE}.items())}
globals().update(TARGETS)
