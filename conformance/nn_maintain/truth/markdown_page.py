"""The table of truth as Markdown: every figure on a page of its own, a row for each system in `docs/replays.md`."""

from collections.abc import Iterable, Sequence
from itertools import chain

from nn_conformance.replay.ledger import FRAMEWORKS, TITLES
from nn_maintain.truth.defect_costs import costs
from nn_maintain.truth.evidence import Evidence, counterpart, judged_by, version_of
from nn_maintain.truth.markdown_table import lines_of_table
from nn_maintain.truth.placement import FEW_VALUES, OUTSIDE, SEEDS
from nn_maintain.truth.rows import Row, counts, curve_counts, telling
from nn_maintain.truth.rulings import DOCUMENTED, VERDICTS, Judge, named
from nn_maintain.truth.sides import TOGETHER, Side, side
from nn_reference.errors import DataError
from nn_reference.systems import System

COMMAND = "python -m nn_maintain table --write"
BEGIN, END = "<!-- table of truth -->", "<!-- end of table -->"
NOT_RUN = "not run"

HEAD = f"""\
# What became of every printed figure

`{COMMAND}` makes this page from the ledgers beside it; do not edit it. A ledger has the training
runs of one network in one framework: figures of its epochs, versions, times. Its schema is
[`replay.schema.json`](replay.schema.json). Beside each reason stands a command that checks it. Where it is a `replay`,
add `--out DIR`: `python -m nn_maintain table --json --from DIR` then judges by your own ledgers.

`documented` is trained as its document does, from the document's own seed, or from seed 0 where it set none; the three
frameworks start from the same weights and take the same batches. All are drawn by NumPy's generator: of a document that
seeded PyTorch or Keras, the distribution is the document's, and the numbers are not. NumPy trains from {SEEDS} seeds or
more: the tables have how many of them lie below, at and above the printed figure, and their lowest, median and highest, in
the document's digits. Prints that show data and no network have no row: shapes of arrays, pixels, an encoded label.

**A training run is judged as a whole.** All figures of a run, over all quantities and epochs, are one curve. Its
statistic is the largest of their distances from the median, over the document's run and all N seeds, each in units of
that figure's median distance. If the document's run is one more seed, then each of these N + 1 runs is as likely as any
other to have the largest statistic. So the *level* (k + 1)/(N + 1), where k seeds lie as far out as the document's run,
is exact; [`placement.py`](../../conformance/nn_maintain/truth/placement.py) derives it, also for several runs at once.
One right curve in twenty has a level of {OUTSIDE} or less, so of seventeen one or more would be called `outside`
wrongly more often than not. Therefore `outside` is what Holm's correction over all of them leaves, at {OUTSIDE} for the whole
page, and where so few seeds cannot show it, the verdict is `open`. The reason names the column that decided for the
document's run, and those in which the seeds lie as far out; a column with at most {FEW_VALUES} values among the seeds
hardly varies, and says little.

**The frameworks side by side.** From the same weights their first losses agree to rounding. Rounding alone may then part
two right runs: *epochs beside NumPy's* counts the epochs that are over before a figure differs by more than {TOGETHER:g} of
itself, or of 1 if that is more. Where rows come in the file's order there is a certified run, with a band around each of
its losses, within which every right implementation stays."""


def page(judge: Judge, rows: dict[str, list[Row]]) -> str:
    """Every figure, by system; then how the frameworks compare, and what the defects cost."""
    parts = [HEAD, _legend(rows, judge.tested)]
    parts += [_section(system, rows[system.name], judge.evidence) for system in DOCUMENTED]
    return "\n\n".join(parts) + "\n"


def block(rows: dict[str, list[Row]]) -> str:
    """A row for each system: its most telling figure, and what became of it."""
    lines = [
        [s.document, f"`{s.name}`", _title(row), row.figure.printed, row.ours.get("numpy", NOT_RUN), row.ruling.verdict]
        for s, row in ((system, telling(rows[system.name])) for system in DOCUMENTED)
    ]
    head = ["document", "network", "figure", "printed", "NumPy", "verdict"]
    return "\n".join(lines_of_table(head, lines, right=(3, 4)))


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


def _legend(rows: dict[str, list[Row]], tested: int) -> str:
    every = list(chain(*rows.values()))
    figures, curves = counts(every), curve_counts(rows)
    lines = lines_of_table(
        ["verdict", "curves", "figures", "meaning"],
        [[v, str(curves.get(v, 0)), str(figures.get(v, 0)), meaning] for v, meaning in VERDICTS.items()],
        right=(1, 2),
    )
    total = f"{len(every)} figures in {len(DOCUMENTED)} networks of five documents; {sum(curves.values())} curves of training"
    return "\n".join([*lines, "", f"{total}, of which {tested} have seeds enough for a level."])


def _section(system: System, rows: Sequence[Row], evidence: Evidence) -> str:
    reasons = {reason: k for k, reason in enumerate(dict.fromkeys(row.ruling[1:] for row in rows), 1)}
    notes = [row.figure.note for row in rows]
    cells = [
        [
            _title(row) + (f" ({row.figure.note})" if row.figure.note and notes.count(row.figure.note) == 1 else ""),
            row.figure.printed, *(row.ours.get(framework, NOT_RUN) for framework in FRAMEWORKS), row.place, row.spread,
            f"{row.ruling.verdict} ({reasons[row.ruling[1:]]})",
        ]
        for row in rows
    ]  # fmt: skip
    head = ["figure", "document", *TITLES.values(), "below · at · above", "lowest … median … highest", "verdict"]
    judged, variant = judged_by(system), version_of(system, "in-3")
    remarks = dict.fromkeys([*system.remarks, *judged.remarks, *(variant.remarks if variant else ())])
    by = f" Its figures are judged by `{judged.id}`." if judged is not system else ""
    parts = [
        f"## {system.name}",
        " ".join((f"Document {system.document}: {system.title}.{by} {_runs(judged, evidence)}", *remarks)),
        "\n".join(lines_of_table(head, cells, right=(1, 2, 3, 4))),
        "\n".join(f"{k}. {reason}." + f" `{check}`" * bool(check) for (reason, check), k in reasons.items()),
        *_controls(system, evidence),
        *_sides(system, evidence),
        *costs(system, evidence),
    ]
    return "\n\n".join(parts)


def _title(row: Row) -> str:
    return named(row.figure.quantity, row.figure.epoch)


def _runs(system: System, evidence: Evidence) -> str:
    """How many runs there are, by what, and from where they start."""
    texts = []
    for framework in FRAMEWORKS:
        name = TITLES[framework]
        runs = evidence.runs(system, framework)
        versions = sorted({" ".join(version) for run in runs for version in run.versions.items()})
        seeds = f"{len(runs)} seed{'' if len(runs) == 1 else 's'}"
        texts.append(f"{name}: {seeds} ({', '.join(versions)})" if runs else f"{name}: {NOT_RUN}")
    own = evidence.own(system)
    start = "" if own is None else f" Start: {own.start}; order: {own.order}."
    return f"{'; '.join(texts)}.{start}"


def _controls(system: System, evidence: Evidence) -> Iterable[str]:
    """Wrong networks for which starts were looked for too; nothing for a system that was not reconstructed."""
    record = evidence.reconstructed.systems.get(system.id) if evidence.reconstructed else None
    if record is not None:
        rows = [[c.mistake, str(c.starts), f"{c.figures} of {record.figures}"] for c in record.controls]
        head = ["control: a wrong network", "random starts", "printed figures that come out at most"]
        yield "\n".join(lines_of_table(head, rows, right=(1,)))


def _sides(system: System, evidence: Evidence) -> Iterable[str]:
    """How the other frameworks' runs compare with NumPy's."""
    rows = [
        _side(f"{TITLES[framework]}, {version.version}", side(version, evidence, framework))
        for version in filter(None, (system, counterpart(system)))
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
        placed = f"level {one.placement.level:.3f} among {one.placement.seeds}; furthest out: {one.furthest}"
    if name.startswith("NumPy"):
        first, together = "itself", ""
    return [name, first, together, held, placed]
