"""Functions that are judged through every door: two mistakes in the homework network, hostile ones, and an undeclared convention."""

import sys

import homework
import numpy as np

from nn_conformance import conforms, network
from nn_conformance.judge.target import TargetError, Unsupported


def right(params, x, t):
    loss, gradients = homework.right(params, x, t)
    return {"loss": loss, "gradients": gradients}


def halved(params, x, t):
    return homework.halved(params, x, t)


def accumulates(params, x, t):
    """Adds its gradients to those of the calls before of the same sizes."""
    answer = right(params, x, t)
    for name, g in answer["gradients"].items():
        KEPT[name, x.dtype, np.shape(g)] = KEPT.get((name, x.dtype, np.shape(g)), 0) + g
        answer["gradients"][name] = KEPT[name, x.dtype, np.shape(g)]
    return answer


KEPT = {}


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
MISTAKES = {"halved": halved, "accumulates": accumulates}


def marked(name, function):
    """The function as if it had been written under a name of its own."""
    function.__name__ = name
    return conforms("homework", dtypes=("float64",))(function)


@conforms(network("4-3 softmax, cross-entropy"), dtypes=("float64",))
def numbers_of_classes(params, x, t):
    """Takes the number of each sample's class, and does not say so."""
    rows = np.arange(len(x))
    e = np.exp(x @ params["W1"] + params["b1"])
    p = e / e.sum(axis=1, keepdims=True)
    loss, delta = -np.mean(np.log(p[rows, t])), p / len(x)
    delta[rows, t] -= 1 / len(x)
    return loss, {"W1": x.T @ delta, "b1": delta.sum(axis=0)}


TARGETS = {function.__name__: function for function in (marked(*item) for item in {**MISTAKES, **HOSTILE}.items())}
TARGETS["numbers_of_classes"] = numbers_of_classes
globals().update(TARGETS)
