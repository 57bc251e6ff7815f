"""Does the harness work? Asked before whether what it runs is right: start, numbers, one answer, a refusal, stop."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import Store
from nn_conformance.judge.target import TargetError, Unsupported
from nn_conformance.judge.verdict import Verdict, one_line
from nn_conformance.judge_run import JudgeRun
from nn_conformance.protocol.messages import Request
from nn_conformance.protocol.program import ProtocolTarget
from nn_conformance.protocol.session import Session
from nn_conformance.subjects import Judged, Subject, session_subject

SHOWN = 300  # characters of a request and of its answer


@dataclass(frozen=True)
class SmokeStep:
    """One step: the verdict on it, the last exchange, and the end of what was written to stderr."""

    verdict: Verdict
    exchanged: tuple[bytes, bytes]
    stderr: str

    @property
    def passed(self) -> bool:
        """Whether the harness did as the protocol has it."""
        return not self.verdict.failed

    def lines(self) -> Iterator[str]:
        """What is printed."""
        yield f"{'ok  ' if self.passed else 'FAIL'} {self.verdict.check.quantity}"
        if not self.passed:
            request, answer = (_shortened(part) for part in self.exchanged)
            yield f"     {one_line(f'{self.verdict.failure}: {self.verdict.reason}')}"
            yield f"     asked:    {request or 'nothing'}"
            yield f"     answered: {answer or 'nothing'}"
            yield from (f"     stderr:   {one_line(line)}" for line in self.stderr.splitlines()[-5:])


def smoke(target: ProtocolTarget, network: str | None = None) -> Iterator[SmokeStep]:
    """The steps, up to the first that what follows needs.

    Args:
        target: not started yet.
        network: which to ask for; the first that it claims if None.

    Raises:
        InputError: it says why it cannot start; a network that there is not, or that it does not claim.
        DataError: damaged fixtures.
    """
    session = Session(target)
    begun = session.begin()
    yield from (SmokeStep(verdict, target.exchanged, target.last_words) for verdict in session.verdicts)
    if not begun:
        return
    subject = session_subject(session)
    system = subject.claimed([] if network is None else [network])[0]
    one_case = partial(_one_case, subject, system, session.dtypes[0])
    for stage in (
        partial(session.check, "run: one evaluation or update, its shapes", one_case),
        partial(session.check, "run: what is unknown is refused", partial(_unknown, target)),
        session.end,
    ):
        count = len(session.verdicts)
        stage()
        yield from (SmokeStep(verdict, target.exchanged, target.last_words) for verdict in session.verdicts[count:])


def _one_case(subject: Subject, system: Judged, dtype: fmt.Dtype) -> None:
    """The smallest case of a system: whether its answer can be compared, and not what with."""
    run = JudgeRun(subject.target, [system], Store())
    smallest = min((loaded for loaded, _ in run.pairs(system)), key=lambda loaded: loaded.x.size)
    for verdict in run.only(("contract",), smallest, dtype).values():
        if verdict.failed:
            raise TargetError(verdict.reason, verdict.failure, verdict.subject)


def _unknown(target: ProtocolTarget) -> None:
    """A verb of no protocol must be answered, and by an error: later versions may ask for more."""
    for request in (Request(0, "dance"), Request(0, "run", do="dance")):
        try:
            target.send(request)
        except TargetError as error:
            if error.failure != "error":
                raise
        except Unsupported:
            continue
        else:
            raise TargetError("expected an error, got ok", "not-a-reply")


def _shortened(line: bytes) -> str:
    text = one_line(line[: 4 * SHOWN].decode("utf-8", "replace"))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
