"""Where a target is wrong, from its verdicts alone: what passed and what failed, on which cases."""

from collections.abc import Collection, Iterable, Sequence

from nn_conformance.cases import format as fmt
from nn_conformance.judge.verdict import Verdict

UPDATES = ("step", "pruning", "trajectory")
CASES = {
    "single-sample": "wrong only for a batch of one",
    "extreme": "wrong only at large logits",
    "saturated": "wrong only where units are saturated",
    "partial-batch": "wrong only with a partial last batch",
    "square": "wrong only where all sizes are equal",
    "kink": "wrong only where a pre-activation is exactly zero",
    "dead-unit": "wrong only where a unit is dead",
    "clipped": "wrong only where outputs are clipped",
}


def kind(verdicts: Sequence[Verdict], cases: Sequence[fmt.Case]) -> str:
    """One line on what is wrong, or nothing where nothing is.

    Args:
        verdicts: of one target on one system.
        cases: of that system.
    """
    failed = [verdict for verdict in verdicts if verdict.status == "failed"]
    if not failed:
        return ""
    return "; ".join(part for part in (_which(verdicts, failed), _where(verdicts, failed, cases)) if part)


def _which(verdicts: Sequence[Verdict], failed: Sequence[Verdict]) -> str:
    rungs = {verdict.rung for verdict in failed}
    first = {verdict.id for verdict in failed if verdict.rung not in ("metamorphic", "own-loss", *UPDATES)}
    repeated = {v.id for v in failed if v.rung == "second-call" or v.check.quantity == "repeat"}
    if rungs <= {"step", "trajectory"}:
        shown = _passed(verdicts, "loss") and _passed(verdicts, "gradient")
        return "loss and gradients are right, only the update is wrong" if shown else "its updates are wrong"
    if rungs == {"pruning"}:
        return "pruning only: updates without it are right" if _passed(verdicts, "step") else "its pruning is wrong"
    if any(verdict.failure == "arguments" for verdict in failed):
        return "it changes what it is given"
    if first <= repeated:
        return "wrong on the second call" if repeated else "it breaks what must hold between its own calls"
    return _first_call(verdicts, rungs)


def _first_call(verdicts: Sequence[Verdict], rungs: Collection[str]) -> str:
    own = {verdict.status for verdict in verdicts if verdict.rung == "own-loss"}
    if (
        not any(verdict.status == "passed" and verdict.rung != "contract" for verdict in verdicts)
        and "contract" in rungs
    ):
        return "its answers cannot be compared"
    if not {"layer", "loss"} & set(rungs):
        return _backward(verdicts, rungs)
    what = "wrong from the forward pass on" if "layer" in rungs else "wrong loss"
    if own == {"passed"}:
        return f"consistent but {what}: the gradients are those of its own loss"
    return f"{what}, and gradients that are not those of its own loss" if "failed" in own else what


def _backward(verdicts: Sequence[Verdict], rungs: Collection[str]) -> str:
    """Of what failed in no layer and no loss; only what was seen to agree is said to."""
    if "gradient" not in rungs:
        return "its answers cannot be compared on some cases" if "contract" in rungs else ""
    if not _passed(verdicts, "loss"):
        return "wrong gradients"
    what = "loss and outputs agree" if _passed(verdicts, "layer") else "the loss agrees"
    return f"right forward, wrong backward: {what}, gradients do not"


def _passed(verdicts: Sequence[Verdict], rung: str) -> bool:
    return any(verdict.status == "passed" and verdict.rung == rung for verdict in verdicts)


def _where(verdicts: Sequence[Verdict], failed: Sequence[Verdict], cases: Sequence[fmt.Case]) -> str:
    """The one property that all failing cases have, and no passing one."""
    ran = _ids(verdict for verdict in verdicts if verdict.status in ("passed", "failed"))
    # What holds between calls is asked on one case only, about calls of other sizes.
    wrong = _ids([verdict for verdict in failed if verdict.rung not in ("metamorphic", "own-loss")])
    for flag, text in CASES.items():
        flagged = {case.id for case in cases if flag in case.flags} & ran
        if wrong and wrong <= flagged and ran - flagged:
            return text
    precisions = {verdict.check.dtype for verdict in failed}
    others = {verdict.check.dtype for verdict in verdicts if verdict.status == "passed"}
    return f"only in {precisions.pop()}" if len(precisions) == 1 and len(others) > 1 else ""


def _ids(verdicts: Iterable[Verdict]) -> set[str]:
    return {verdict.check.case for verdict in verdicts}
