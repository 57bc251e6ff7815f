"""The ladder's contract: what an answer must be before its numbers count, and that no target breaks the judge."""

import signal
from dataclasses import replace

import numpy as np
import pytest
from ladder_problems import Wrapped, case, only, statuses

from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import check_ids, judge
from nn_conformance.judge.target import Run, Unsupported
from nn_conformance.judge.verdict import counts
from nn_conformance.oracles import reference

STORE = Store()


@pytest.mark.parametrize("argument", ["x", "t", "W1"])
def test_changing_an_argument_is_caught_and_undone(argument):
    """A target that writes into what it was given fails by the argument's name, and the case's arrays stay as they were."""

    def meddle(answer, params, x, t, **_):
        {"x": x, "t": t, **params}[argument][...] += 1
        return answer

    loaded = STORE.case("xor-tanh/probe-square")
    before = {"x": loaded.x.copy(), "t": loaded.t.copy(), **{k: p.copy() for k, p in loaded.params.items()}}
    verdicts = judge(loaded, Wrapped(meddle), "float64")

    assert statuses(verdicts)["contract"] == {"failed"}
    assert f"changed its argument {argument}" in verdicts[0].reason
    assert set().union(*(s for rung, s in statuses(verdicts).items() if rung != "contract")) == {"blocked"}
    after = {"x": loaded.x, "t": loaded.t, **loaded.params}
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(("jitter", "status"), [(1e-6, "failed"), (2**-52, "passed")])
def test_the_same_call_twice_must_give_the_same_within_rounding(jitter, status):
    """An answer that differs from call to call fails beyond the limit, and passes within it."""
    target = Wrapped(
        lambda answer, call, **_: replace(
            answer, gradients={k: g * (1 + jitter * (call % 2)) for k, g in answer.gradients.items()}
        )
    )
    verdicts = judge(case("mnist-relu/probe-rectangular"), target, "float64")

    assert only(verdicts, "contract", "repeat").status == status


@pytest.mark.parametrize("where", ["loss", "dtype", "values"])
def test_float32_where_float64_was_asked_for_is_caught(where):
    """Whether the loss, the arrays' dtype or only their digits are float32, some check fails."""

    def narrow(answer, **_):
        if where == "loss":
            return replace(answer, loss=float(np.float32(answer.loss)))
        cast = {k: g.astype(np.float32) for k, g in answer.gradients.items()}
        return replace(
            answer, gradients=cast if where == "dtype" else {k: g.astype(np.float64) for k, g in cast.items()}
        )

    failed = {
        v.rung for v in judge(case("mnist-relu/probe-square"), Wrapped(narrow), "float64") if v.status == "failed"
    }

    expected = {"loss": {"loss", "own-loss"}, "dtype": {"contract"}, "values": {"gradient"}}
    assert failed == expected[where]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: replace(a, loss=float("nan")), "finite float, got nan"),
        (lambda a: replace(a, loss=np.ones(3)), "finite float"),
        (lambda a: replace(a, gradients={}, loss=None, layers=None), "a loss, outputs or gradients, got none"),
        (lambda a: replace(a, gradients={"x": a.gradients["x"]}), "expected W1, b1, W2, b2, got "),
        (lambda a: replace(a, gradients={**a.gradients, "W3": a.gradients["W1"]}), "got W1, b1, W2, b2, W3"),
        (lambda a: replace(a, gradients={**a.gradients, "b1": a.gradients["b1"][:, None]}), "shape (4,), got (4, 1)"),
        (lambda a: replace(a, gradients={**a.gradients, "b1": a.gradients["b1"] * np.nan}), "finite numbers, got 4"),
        (lambda a: replace(a, gradients={**a.gradients, "b1": [0.0] * 4}), "expected an array, got list"),
        (lambda a: replace(a, layers=a.layers[:1]), "expected 2, got 1"),
        (lambda a: {"loss": a.loss}, "expected an Answer, got dict"),
    ],
)
def test_an_answer_of_another_form_fails_the_contract(change, said):
    """Names, shapes, dtypes and NaN are refused before values are looked at, and the reason says what came."""
    verdicts = judge(case("mnist-relu/probe-rectangular"), Wrapped(lambda answer, **_: change(answer)), "float64")

    assert verdicts[0].status == "failed"
    assert said in verdicts[0].reason
    assert counts(verdicts)["passed"] == 0


def test_what_a_target_raises_is_a_verdict():
    """An exception fails the contract with its words, one that is no `Exception` too; Ctrl-C still ends the run."""

    def broken(error):
        def evaluate(*_, **__):
            if error is None:
                signal.raise_signal(signal.SIGINT)  # as Ctrl-C does
            raise error

        target = Wrapped()
        target.evaluate = evaluate
        return target

    verdicts = judge(case("homework/probe-one"), broken(ZeroDivisionError("by N")), "float64")
    assert "ZeroDivisionError: by N" in verdicts[0].reason
    for error in (KeyboardInterrupt(), SystemExit(0), GeneratorExit()):
        verdicts = judge(case("homework/probe-one"), broken(error), "float64")
        assert (verdicts[0].failure, verdicts[0].status) == ("raised", "failed")
        assert f"it raised {type(error).__name__}" in verdicts[0].reason
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            judge(case("homework/probe-one"), broken(None), "float64")
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_a_target_cannot_do_is_unsupported_and_blocks_nothing():
    """Hidden layers and missing updates are counted as unsupported, with the reason, and the rest is judged."""

    class Shy(Wrapped):
        def train(self, *_):
            raise Unsupported("it has no optimiser")

    target = Shy(lambda answer, **_: replace(answer, layers=None))
    verdicts = judge(case("mnist-relu/probe-rectangular"), target, "float64")

    found = statuses(verdicts)
    assert found["layer"] == found["step"] == found["trajectory"] == found["accuracy"] == {"unsupported"}
    assert found["loss"] == found["gradient"] == {"passed"}
    assert only(verdicts, "trajectory", "losses").reason == "it has no optimiser"
    assert counts(verdicts)["ran"] == counts(verdicts)["passed"]


class Reuses(Wrapped):
    """Fills the same arrays at each call, and is off by a thousandth at every second one if `wrong`."""

    def __init__(self, *, wrong):
        super().__init__()
        self.wrong, self.buffers = wrong, {}

    def evaluate(self, *args, **kwargs):
        answer = super().evaluate(*args, **kwargs)
        factor = 1.001 if self.wrong and self.calls % 2 else 1.0
        for name, g in answer.gradients.items():
            buffer = self.buffers.setdefault((name, g.shape, g.dtype), np.empty_like(g))
            buffer[...] = g * factor
        return replace(answer, gradients={n: self.buffers[n, g.shape, g.dtype] for n, g in answer.gradients.items()})


@pytest.mark.parametrize("wrong", [False, True])
def test_arrays_that_are_filled_again_are_judged_as_they_were_answered(wrong):
    """An honest target may reuse its arrays; a flickering one cannot hide by it."""
    verdicts = judge(case("mnist-relu/probe-rectangular"), Reuses(wrong=wrong), "float64")

    assert ("failed" in {v.status for v in verdicts}) is wrong
    assert only(verdicts, "contract", "repeat").status == ("failed" if wrong else "passed")


# What an update may do to its parameters, batches and state, and must not.
MEDDLING = {
    "written": lambda params, _, __: np.add(params["W1"], 1, out=params["W1"]),
    "replaced": lambda params, _, __: params.update(W1=params["W1"] + 1),
    "removed": lambda params, _, __: params.pop("W1"),
    "counted": lambda _, __, state: setattr(state, "step", state.step + 1),
    "forgotten": lambda _, __, state: state.moments.clear(),
    "overwritten": lambda _, __, state: np.add(state.moments["m"]["W1"], 1, out=state.moments["m"]["W1"]),
    "reversed": lambda _, batches, __: batches[0].reverse(),
}


@pytest.mark.parametrize("meddle", MEDDLING.values(), ids=MEDDLING)
def test_an_update_that_meddles_with_any_argument_is_caught(meddle):
    """Parameters, batches, the step count and the moments: whatever is changed, the step fails and the case stays whole."""

    class Meddles(Wrapped):
        def train(self, asked):
            run = reference.train(replace(asked, params=dict(asked.params)))
            if asked.state is not None:
                meddle(asked.params, asked.batches, asked.state)
            return run

    loaded = STORE.case("iris-relu-adam/probe-rectangular")
    before = [list(step.rows) for step in loaded.case.steps]
    verdicts = judge(loaded, Meddles(), "float64")

    failed = [v for v in verdicts if v.status == "failed"]
    assert failed
    assert {v.rung for v in failed} == {"step"}
    assert "changed its argument" in failed[0].reason
    assert [list(step.rows) for step in loaded.case.steps] == before


@pytest.mark.parametrize(
    "broken",
    [
        lambda a: replace(a, loss=None), lambda a: replace(a, gradients=None), lambda a: replace(a, layers=[1, 2]),
        lambda a: replace(a, layers=iter(a.layers[:1])), lambda a: replace(a, uncertainty=None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("from_call", [1, 2])
def test_no_answer_breaks_the_judge(broken, from_call):
    """Whatever stands where a loss, gradients or layers belong, at the first call or the second, is a verdict."""
    target = Wrapped(lambda answer, call, **_: broken(answer) if call >= from_call else answer)

    verdicts = judge(case("mnist-relu/probe-rectangular"), target, "float64")

    assert [v.check for v in verdicts] == check_ids(case("mnist-relu/probe-rectangular"), "float64")


@pytest.mark.parametrize("losses", [None, 1.0, ["a"]])
@pytest.mark.parametrize("params", [None, {}, {"W1": None}])
def test_no_run_breaks_the_judge(losses, params):
    """Losses and parameters of any form are verdicts too."""
    verdicts = judge(case("xor-tanh/probe-rectangular"), Wrapped(train=lambda _: Run(losses, params)), "float64")

    assert statuses(verdicts)["step"] == {"failed"}
    assert statuses(verdicts)["trajectory"] == {"blocked"}


def test_what_was_found_before_a_target_gave_up_stands():
    """A wrong first step fails, though the second is unsupported."""

    class GivesUp(Wrapped):
        def train(self, asked):
            if asked.state is not None:
                raise Unsupported("no state")
            run = super().train(asked)
            return replace(run, params={k: p + 1 for k, p in run.params.items()})

    verdicts = judge(case("iris-relu-adam/probe-rectangular"), GivesUp(), "float64")

    assert statuses(verdicts)["step"] == {"failed", "unsupported"}
    assert only(verdicts, "step", "1-W1").status == "failed"
