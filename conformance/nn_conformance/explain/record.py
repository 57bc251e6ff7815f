"""What is known of a wrong target, as a record and as lines."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from nn_conformance.explain.texts import places, text_of

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
        variant: the rule's name among the variants of its slot.
        doubt: why it fits and may be no mistake all the same; empty if there is none.
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
    variant: str = ""
    doubt: str = ""

    def lines(self) -> list[str]:
        """Where it is, what is used and what is right, how it is mended."""
        text = text_of(self.slug)
        if self.slot == "stability":
            when = f" {self.when}" if self.when else ""
            return [f"also   {self.place}{when}; mend: {self.right or text.mend} ({self.slug})"]
        right = f"     right is  {self.right}" if self.right else ""
        explains = f"   (explains {', '.join(self.arrays)})" if self.arrays else ""
        when = f"; only {self.when}" if self.when else ""
        what = f"{shortened(f'{text.what}: {text.cause}')} ({self.slug})"
        if self.doubt:
            head = f"perhaps: {self.place}{when}; {self.doubt}"
            return [head, f"  fits     {self.uses}{right}{explains}", f"  would be {what}"]
        return [
            f"wrong: {self.place}{when}",
            f"  you use  {self.uses}{right}{explains}",
            f"  that is  {what}",
            f"  mend     {text.mend}",
        ]


def of_slug(
    slug: str,
    uses: str = "",
    arrays: tuple[str, ...] = (),
    *,
    place: str = "",
    right: str = "",
    layer: int = 0,
    constants: Mapping[str, float] | None = None,
    when: str = "",
) -> Finding:
    """A mistake by its name; without a place of its own it is one of the loss."""
    own = places().get(slug, {"slot": "loss", "place": "the loss"})
    place, uses, right = place or own.get("place", ""), uses or own.get("uses", ""), right or own.get("right", "")
    return Finding(own["slot"], layer, place, slug, uses, right, arrays, constants or {}, (), when)


@dataclass
class Explanation:
    """Which rules a target has used, as far as its numbers tell; what is known so far, while it is asked.

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

    findings: list[Finding] = field(default_factory=list)
    ties: list[tuple[tuple[Finding, ...], ...]] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    confirmed: bool = False
    cases: int = 0
    of: int = 0
    ratio: float = 0.0
    exchanges: int = 0
    seconds: float = 0.0

    @property
    def wrong(self) -> bool:
        """Whether something is wrong, explained or not."""
        return bool(self.findings or self.ties or self.unexplained)

    @property
    def rules(self) -> int:
        """How many rules are wrong."""
        return len(self.findings) + sum(len(tie[0]) for tie in self.ties)

    @property
    def slugs(self) -> set[str]:
        """Names of all findings, those of ties included."""
        every = [*self.findings, *(f for tie in self.ties for option in tie for f in option)]
        return {slug for f in every for slug in (f.slug, *f.also)}

    @property
    def first_wrong(self) -> str:
        """The first place from which numbers are wrong without an explanation, from the outputs to the inputs; empty if none."""
        wrong = [text for text in self.unexplained if text[:2] in ("dW", "db") and text[2:].isdecimal()]
        if not wrong:
            alone = "the loss" in self.unexplained
            gradients = [a for a in self.right if a[0] == "d"]
            return "the formula of the loss, or its scale: the gradients are right" if alone and gradients else ""
        if "the loss" in self.unexplained:
            return "the forward pass, as the loss is wrong too, or both the loss and the error of the outputs"
        k = max(int(text[2:]) for text in wrong)
        both = {f"dW{k}", f"db{k}"}
        if both <= set(wrong):
            return f"the error of layer {k}, which dW{k} and db{k} are made of, or both of their sums over samples"
        [one], [other] = both.intersection(wrong), both.difference(wrong)
        way = "the product with the layer's input" if one[1] == "W" else "its sum over samples"
        known = f", as {other} is right" if other in self.right else ""
        return f"{one}: {way}, and not the error of layer {k}{known}" if known else one

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`, with the lines that people read; without the time, which is another in each run."""
        record = asdict(self) | {"lines": self.lines()}
        del record["seconds"]
        return record

    @property
    def confirmation(self) -> str:
        """How near the reference with these mistakes comes to the target's numbers; empty if it was not confirmed."""
        if not (self.confirmed and self.cases):
            return ""
        cases = f"{self.cases} case{'s' * (self.cases > 1)}"
        near = f"(the largest error is {self.ratio:.2g} of its limit)" if self.ratio else "(to the last digit)"
        return f"changed so, the reference gives all your numbers in {cases} {near}"

    def lines(self) -> list[str]:
        """The answer first, then what is right, and what stays open."""
        lines = [line for finding in self.findings if finding.slot != "stability" for line in finding.lines()]
        for tie in self.ties:
            for k, option in enumerate(tie):
                word = "either" if k == 0 else "or    "
                own = [line for finding in option for line in finding.lines()]
                lines += [f"{word if n == 0 else ' ' * 6} {line}" for n, line in enumerate(own)]
        if lines and self.confirmation:
            lines.append(f"  {self.confirmation}")
        weak = [line for finding in self.findings if finding.slot == "stability" for line in finding.lines()]
        if weak and self.right and not (lines or self.unexplained):
            lines.append("no formula is wrong; the numbers fail where logits are large:")
        lines += weak
        lines += [f"also   {text}" for text in (*dict.fromkeys(self.aside), *dict.fromkeys(self.notes))][:NOTES]
        lines += [f"wrong, not explained: {text}" for text in self.unexplained]
        lines += [f"first wrong: {self.first_wrong}"] if self.first_wrong else []
        if self.right and (lines or self.findings):
            lines.append(f"right: {', '.join(self.right)}")
        return lines + [f"unseen: {text}" for text in self.blind]


def shortened(text: str) -> str:
    """A sentence without its last parts, where it has more than 160 characters."""
    while len(text) > LONGEST:
        text = text[: max(text[:LONGEST].rfind(mark) for mark in ("; ", ": ", ", "))]
    return text


def every_array(names: Sequence[str]) -> tuple[str, ...]:
    """Gradients by name, from the inputs to the outputs."""
    return tuple(f"d{name}" for name in sorted(names, key=lambda name: (int(name[1:]), name)))
