"""What is known of a wrong target, as a record and as lines."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from nn_conformance.explain.texts import text_of

LONGEST = 160  # characters of a line that says what a mistake is
NOTES = 3  # lines of remarks


@dataclass(frozen=True)
class Finding:
    """One wrong rule.

    Attributes:
        slot: where in the computation: loss, output error, derivative, …
        layer: the layer, from 1; 0 if it is all layers or none.
        place: the same in words: `layer 1, derivative of the activation, in dW1 only`.
        slug: its name; `explain SLUG` says more.
        uses: the formula that is used.
        right: the formula that is right; empty where it is the described one.
        arrays: what it makes wrong.
        constants: fitted numbers by name.
        also: other names of the same numbers.
        when: the only condition under which it shows; empty if it always does.
    """

    slot: str
    layer: int
    place: str
    slug: str
    uses: str
    right: str = ""
    arrays: tuple[str, ...] = ()
    constants: Mapping[str, float] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    when: str = ""

    def lines(self) -> list[str]:
        """Where it is, what is used and what is right, how it is mended."""
        text = text_of(self.slug)
        if self.slot == "stability":
            when = f" {self.when}" if self.when else ""
            return [f"also   {self.place}{when}; mend: {self.right or text.mend}"]
        right = f"     right is  {self.right}" if self.right else ""
        explains = f"   (explains {', '.join(self.arrays)})" if self.arrays else ""
        when = f"; only {self.when}" if self.when else ""
        return [
            f"wrong: {self.place}{when}",
            f"  you use  {self.uses}{right}{explains}",
            f"  that is  {shortened(f'{text.what}: {text.cause}')}",
            f"  mend     {text.mend}",
        ]


@dataclass(frozen=True)
class Explanation:
    """Which rules a target has used, as far as its numbers tell.

    Attributes:
        findings: rules that are wrong for certain.
        ties: sets of findings of which one holds: either … or ….
        right: what is right.
        unexplained: what is wrong and has no explanation.
        blind: what no experiment could see.
        aside: blemishes set aside: NaN, infinities, overflow, with the size of the logits.
        notes: conditions, and what else was seen.
        confirmed: whether the reference with these rules makes every number of every case that was compared.
        cases: on how many cases.
        of: of how many.
        ratio: the largest difference, in units of the limit.
        exchanges: calls of the target.
        seconds: spent.
    """

    findings: tuple[Finding, ...] = ()
    ties: tuple[tuple[tuple[Finding, ...], ...], ...] = ()
    right: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    confirmed: bool = False
    cases: int = 0
    of: int = 0
    ratio: float = 0.0
    exchanges: int = 0
    seconds: float = 0.0

    @property
    def slugs(self) -> set[str]:
        """Names of all findings, those of ties included."""
        every = [*self.findings, *(f for tie in self.ties for option in tie for f in option)]
        return {slug for f in every for slug in (f.slug, *f.also)}

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`, with the lines that people read; without the time, which is another in each run."""
        record = asdict(self) | {"lines": self.lines()}
        del record["seconds"]
        return record

    def lines(self) -> list[str]:
        """The answer first, then what is right, and what stays open."""
        last = [line for finding in self.findings if finding.slot == "stability" for line in finding.lines()]
        lines = [line for finding in self.findings if finding.slot != "stability" for line in finding.lines()]
        for tie in self.ties:
            for k, option in enumerate(tie):
                word = "either" if k == 0 else "or    "
                lines += [f"{word} {line}" if n == 0 else f"       {line}" for n, line in enumerate(_flat(option))]
        if lines and self.confirmed and self.cases:
            lines.append(
                f"  every number of {self.cases} of {self.of} cases comes out, to {self.ratio:.2g} of the limit"
            )
        lines += last
        lines += [f"also   {text}" for text in (*dict.fromkeys(self.aside), *dict.fromkeys(self.notes))][:NOTES]
        lines += [f"wrong, not explained: {text}" for text in self.unexplained]
        if self.right and (lines or self.findings):
            lines.append(f"right: {', '.join(self.right)}")
        lines += [f"unseen: {text}" for text in self.blind]
        return lines


def shortened(text: str) -> str:
    """A sentence without its last parts, where it has more than 160 characters."""
    while len(text) > LONGEST:
        text = text[: max(text[:LONGEST].rfind(mark) for mark in ("; ", ": ", ", "))]
    return text


def _flat(option: Sequence[Finding]) -> list[str]:
    return [line for finding in option for line in finding.lines()]
