"""One run of a harness: what it says at its start is checked before its numbers are, and how it ends after them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf, nan

import msgspec
import numpy as np

from nn_conformance.adapt.claims import Claim
from nn_conformance.adapt.conventions import declared
from nn_conformance.adapt.pieces import named
from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import number, values
from nn_conformance.judge.target import TargetError
from nn_conformance.judge.verdict import CheckId, Verdict, one_line
from nn_conformance.protocol.program import ProtocolTarget
from nn_reference.errors import InputError

HARNESS = "harness"  # stands in ids where a case does
# Numbers that a careless parser or printer changes: long, tiny, huge, without a sign of their own, and none at all.
TELLING = (0.1, 1 / 3, -2.5, 1e22, 123456789.123456789, -0.0, inf, -inf, nan, 0.0, 1.0)
RANGE = {
    "float32": (1e-45, 1.1754942e-38, 3.4028235e38),
    "float64": (5e-324, 2.225073858507201e-308, 1.7976931348623157e308),
}


class Session:
    """A harness from its start to its end.

    Attributes:
        claim: what it says of itself, once it has begun.
        verdicts: of its start, and of its end when that has come.
    """

    def __init__(self, target: ProtocolTarget) -> None:
        self.target, self.claim = target, Claim()
        self.verdicts: list[Verdict] = []

    def begin(self) -> bool:
        """Start it and have it read and print numbers; whether it can be judged.

        Raises:
            InputError: it says why it cannot start.
        """
        if not self.check("start", self._start):
            return False
        return all(self.check(f"echo-{dtype}", partial(self._echo, dtype)) for dtype in self.dtypes)

    def end(self) -> None:
        """Ask it to stop, if it is there; whatever it answers, it is not there any more."""
        if self.target.running:
            self.check("stop", self.target.stop)

    @property
    def dtypes(self) -> list[fmt.Dtype]:
        """The precisions that it claims."""
        return [dtype for dtype in fmt.DTYPES if dtype in self.claim.dtypes]

    def _start(self) -> None:
        started = self.target.start()
        networks = [] if started.networks == "any" else list(started.networks)
        try:
            conventions = declared(**msgspec.json.decode(started.conventions, type=dict[str, object]))
        except (ValueError, RecursionError, InputError) as error:
            raise TargetError(one_line(f"start: {error}"), "wrong-claim") from None
        self.claim = Claim(tuple(networks), conventions, tuple(dict.fromkeys(started.dtypes)))
        if not started.dtypes or not started.does or [] in (started.networks, started.pieces):
            raise TargetError("claims nothing: expected some of dtypes, does, networks and pieces", "wrong-claim")
        try:
            self.claim = replace(self.claim, pieces=None if started.pieces is None else named(started.pieces))
            self.claim.check()
        except InputError as error:
            raise TargetError(
                f"claims {one_line(', '.join([*networks, *(started.pieces or ())]))[:100]}: {error}", "wrong-claim"
            ) from None

    def _echo(self, dtype: fmt.Dtype) -> None:
        sent = np.array((*TELLING, *RANGE[dtype]), dtype).astype(np.float64)
        found = values(self.target.echo([number(float(value)) for value in sent], dtype), dtype)
        right = sent.astype(dtype)
        if found.shape != right.shape:
            raise TargetError(f"echo: expected {len(right)} numbers, got {len(found)}", "wrong-echo")
        same = (found == right) & (np.signbit(found) == np.signbit(right)) | (np.isnan(found) & np.isnan(right))
        if not np.all(same):
            k = int(np.argmin(same))
            raise TargetError(f"echo: sent {float(sent[k])!r}, got back {float(found[k])!r}", "wrong-echo")

    def check(self, quantity: str, step: Callable[[], None]) -> bool:
        """Take a step, and keep the verdict on it; whether it passed."""
        check = CheckId(HARNESS, "contract", quantity)
        verdict = Verdict(check, "passed", 0.0, 0.0, "as the protocol has it")
        try:
            step()
        except TargetError as error:
            verdict = Verdict(check, "failed", nan, nan, str(error), failure=error.failure, subject=error.subject)
        self.verdicts.append(verdict)
        return not verdict.failed
