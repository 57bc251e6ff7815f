"""The table of truth as Markdown: every figure on a page of its own, a row for each system in the README."""

from collections.abc import Iterable, Sequence
from itertools import chain

from nn_conformance.replay.costs import costs
from nn_conformance.replay.evidence import Evidence, corrected
from nn_conformance.replay.ledger import FRAMEWORKS, Framework
from nn_conformance.replay.markdown import lines_of_table
from nn_conformance.replay.placement import OUTSIDE, SEEDS
from nn_conformance.replay.rulings import VERDICTS, named
from nn_conformance.replay.sides import TOGETHER, Side, side
from nn_conformance.replay.truth import DOCUMENTED, Row, counts, table, telling
from nn_reference.errors import DataError
from nn_reference.systems import System

COMMAND = "nn-conformance table --write"
BEGIN, END = "<!-- table of truth -->", "<!-- end of table -->"
NAMES: dict[Framework, str] = {"numpy": "NumPy", "torch": "PyTorch", "keras": "Keras"}
NOT_RUN = "not run"

HEAD = f"""\
# What became of every printed figure

`{COMMAND}` makes this page from the ledgers beside it; do not edit it. A ledger has the training
runs of one network in one framework: figures of its epochs, versions, times. Its schema is
[`replay.schema.json`](replay.schema.json).

`documented` is trained as its document does, from the document's own seed, or from seed 0 where it set none; the three
frameworks start from the same weights and take the same batches. All are drawn by NumPy's generator: of a document that
seeded PyTorch or Keras, the distribution is the document's, and the numbers are not. NumPy trains from {SEEDS} seeds or
more: the tables have how many of them lie below, at and above the printed figure, and their lowest, median and highest, in
the document's digits. Prints that show data and no network have no row: shapes of arrays, pixels, an encoded label.

**A training run is judged as a whole.** All figures of a run, over all quantities and epochs, are one curve. Its
statistic is the largest of their distances from the median, over the document's run and all N seeds, each in units of
that figure's median distance. If the document's run is one more seed, then each of these N + 1 runs is as likely as any
other to have the largest statistic. So the *level* (k + 1)/(N + 1), where k seeds lie as far out as the document's run,
is exact. At {OUTSIDE} or below the verdict is `outside`: for {SEEDS} seeds, that is further out than every seed, and of
{SEEDS} right runs one is expected there. A seed that collapses lies further out than anything else, and beside one of
these among {SEEDS}, nothing can be `outside`. Figures that belong to several runs are judged together: the level of K runs
is the probability that the furthest of K rows, out of all K + N, lies as far out. The same statistic places a framework's
run among NumPy's other seeds; [`placement.py`](../../conformance/nn_conformance/replay/placement.py) derives it.

**The frameworks side by side.** From the same weights their first losses agree to rounding. Rounding alone may then part
two right runs: *epochs beside NumPy's* counts the epochs that are over before a figure differs by more than {TOGETHER:g} of
itself, or of 1 if that is more. Where rows come in the file's order there is a certified run, with a band around each of
its losses, within which every right implementation stays."""


def page(evidence: Evidence) -> str:
    """Every figure, by system; then how the frameworks compare, and what the defects cost."""
    tables = {system.name: table(system, evidence) for system in DOCUMENTED}
    parts = [HEAD, _legend(list(chain(*tables.values())))]
    parts += [_section(system, tables[system.name], evidence) for system in DOCUMENTED]
    return "\n\n".join(parts) + "\n"


def block(evidence: Evidence) -> str:
    """A row for each system: its most telling figure, and how many of its figures have which verdict."""
    rows = []
    for system in DOCUMENTED:
        figures = table(system, evidence)
        row = telling(figures)
        rows.append([
            system.document, f"`{system.name}`", _title(row), row.figure.printed, *_ours(row), row.spread,
            ", ".join(f"{count} {verdict}" for verdict, count in counts(figures).items())
            + ("; the corrected version's seeds hold them" if any(row.ruling.mended for row in figures) else ""),
        ])  # fmt: skip
    head = [
        "document",
        "network",
        "figure",
        "printed",
        *NAMES.values(),
        "seeds: lowest … median … highest",
        "all its figures",
    ]
    return "\n".join(lines_of_table(head, rows, right=(3, 4, 5, 6)))


def replaced(text: str, new: str, path: str) -> str:
    """A page with its block between the two marks exchanged.

    Raises:
        DataError: the marks are not there once each, in their order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in after:
        raise DataError(f"{path}: expected {BEGIN} and after it {END}, once each: restore them")
    return f"{before}{BEGIN}\n\n{new}\n\n{END}{after}"


def _legend(rows: Sequence[Row]) -> str:
    found = counts(rows)
    lines = lines_of_table(
        ["verdict", "figures", "meaning"],
        [[verdict, str(found.get(verdict, 0)), meaning] for verdict, meaning in VERDICTS.items()],
        right=(1,),
    )
    return "\n".join([*lines, "", f"{len(rows)} figures in {len(DOCUMENTED)} networks of five documents."])


def _section(system: System, rows: Sequence[Row], evidence: Evidence) -> str:
    reasons: dict[str, int] = {}
    for row in rows:
        reasons.setdefault(row.ruling.reason, len(reasons) + 1)
    notes = [row.figure.note for row in rows]
    cells = [
        [
            _title(row) + (f" ({row.figure.note})" if row.figure.note and notes.count(row.figure.note) == 1 else ""),
            row.figure.printed, *_ours(row), row.place, row.spread,
            f"{row.ruling.verdict} ({reasons[row.ruling.reason]})",
        ]
        for row in rows
    ]  # fmt: skip
    head = ["figure", "document", *NAMES.values(), "below · at · above", "lowest … median … highest", "verdict"]
    parts = [
        f"## {system.name}",
        " ".join((f"Document {system.document}: {system.title}. {_runs(system, evidence)}", *system.remarks)),
        "\n".join(lines_of_table(head, cells, right=(1, 2, 3, 4))),
        "\n".join(f"{k}. {reason}" for reason, k in reasons.items()),
        *_sides(system, evidence),
        *costs(system, evidence),
    ]
    return "\n\n".join(parts)


def _title(row: Row) -> str:
    return named(row.figure.quantity, row.figure.epoch)


def _ours(row: Row) -> list[str]:
    return [row.ours.get(framework, NOT_RUN) for framework in FRAMEWORKS]


def _runs(system: System, evidence: Evidence) -> str:
    """How many runs there are, by what, and from where they start."""
    found = []
    for framework, name in NAMES.items():
        runs = evidence.runs(system, framework)
        versions = sorted({" ".join(version) for run in runs for version in run.versions.items()})
        seeds = f"{len(runs)} seed{'' if len(runs) == 1 else 's'}"
        found.append(f"{name}: {seeds} ({', '.join(versions)})" if runs else f"{name}: {NOT_RUN}")
    own = evidence.own(system)
    start = "" if own is None else f" Start: {own.start}; order: {own.order}."
    return f"{'; '.join(found)}.{start}"


def _sides(system: System, evidence: Evidence) -> Iterable[str]:
    """How the other frameworks' runs compare with NumPy's."""
    rows = [
        _side(f"{NAMES[framework]}, {version.version}", side(version, evidence, framework))
        for version in filter(None, (system, corrected(system)))
        for framework in FRAMEWORKS
    ]
    head = [
        "run", "first losses against NumPy's", "epochs beside NumPy's", "certified losses",
        "whole curve among NumPy's other seeds",
    ]  # fmt: skip
    yield "\n".join(lines_of_table(head, rows))


def _side(name: str, one: Side | None) -> list[str]:
    if one is None:
        return [name, *[NOT_RUN] * 4]
    first = "none" if one.first is None else f"{one.first[1]} agree to {one.first[0]:.1e}"
    together = "" if not one.curve else "{} of {}".format(*one.together)
    held = "no certified run in this order"
    if one.agreement is not None:
        held = f"{one.agreement.steps} steps, worst at {float(one.agreement.worst):.3f} of its band"
    placed = "no curve" if not one.curve else "not placed: too few other seeds"
    if one.placement is not None:
        verdict = "outside" if one.placement.outside else "inside"
        placed = f"{verdict}, level {one.placement.level:.3f} among {one.seeds}; furthest out: {one.furthest}"
    if name.startswith("NumPy"):
        first, together = "itself", ""
    return [name, first, together, held, placed]
