"""What each documented defect costs: the documented version's last figures beside the corrected one's, or what ran."""

from collections.abc import Iterable, Sequence
from math import isnan
from statistics import median

from nn_conformance.replay.ledger import Run
from nn_conformance.replay.quantities import first_epoch
from nn_maintain.truth.evidence import Evidence, counterpart
from nn_maintain.truth.markdown_table import lines_of_table
from nn_maintain.truth.rulings import named
from nn_reference.systems import System

STAGES = ("original", "pruned", "fine_tuned")
# Quantity of a stage, what it is, and how it is printed.
PRUNED = (
    ("test_accuracy", "test accuracy", ".4f"),
    ("sparsity", "sparsity", ".4f"),
    ("nonzero_parameters", "parameters that are not zero", ",.0f"),
    ("compressed_bytes", "bytes after zlib", ",.0f"),
    ("dense_ms", "forward pass of 1,000 images, dense, ms", ".1f"),
    ("sparse_ms", "the same with sparse matrices, ms", ".1f"),
)


def costs(system: System, evidence: Evidence) -> Iterable[str]:
    """The defects in words, and a table; nothing for a system of one version."""
    mended = counterpart(system)
    if mended is None:
        return
    if system.defects:
        yield "\n".join(f"- Defect: {d.what}: {d.effect}. Corrected: {d.mend}." for d in system.defects)
    both = (evidence.runs(system), evidence.runs(mended))
    own = (evidence.own(system), evidence.own(mended))
    if system.recipe.pruning is not None:
        yield "\n".join(_pruning(own))
        yield "\n".join(
            _saved(name, run)
            for name, run in zip(("Documented", "Corrected"), own, strict=True)
            if run and "sparsity_fine_tuned" in run.final
        )
        return
    head = ["after the last epoch, NumPy", "documented", "its seeds", mended.version, "its seeds"]
    last = system.recipe.epochs - 1 + first_epoch(system)
    names = [q for run in own if run for q in run.rows if q not in {"epoch", "elapsed_seconds"}]
    rows = [
        [named(quantity, last), *_ends(quantity, own[0], both[0]), *_ends(quantity, own[1], both[1])]
        for quantity in dict.fromkeys(names)
    ]
    yield "\n".join(lines_of_table(head, rows or [["not run", "", "", "", ""]], right=(1, 3)))


def _ends(quantity: str, own: Run | None, runs: Sequence[Run]) -> tuple[str, str]:
    """The own run's last value, and lowest, median and highest of all seeds."""
    ends = [float(run.rows[quantity][-1]) for run in runs if quantity in run.rows]
    if own is None or quantity not in own.rows:
        return "not run", f"{len(ends)} seeds" if ends else ""
    known = [value for value in ends if not isnan(value)]
    spread = " … ".join(f"{v:.4g}" for v in (min(known), median(known), max(known))) if known else "NaN"
    return f"{float(own.rows[quantity][-1]):.4g}", f"{spread} ({len(ends)})" if len(ends) > 1 else "no other"


def _pruning(own: Sequence[Run | None]) -> list[str]:
    """A column for each stage of each version, from the document's own seed."""
    head = [f"{version}: {stage.replace('_', '-')}" for version in ("documented", "corrected") for stage in STAGES]
    rows = [
        [title, *(_stage(run, f"{quantity}_{stage}", form) for run in own for stage in STAGES)]
        for quantity, title, form in PRUNED
    ]
    return lines_of_table(["NumPy, own seed", *head], rows, right=range(1, 7))


def _saved(name: str, run: Run) -> str:
    """What pruning has saved in the end, in a sentence; parameters count as pruned only where they are exactly zero."""
    pruned, tuned = (float(run.final[f"sparsity_{stage}"]) for stage in STAGES[1:])
    text = f"- {name}: {pruned:.2%} of the parameters are exactly zero after pruning, {tuned:.2%} after fine-tuning"
    if "sparse_ms_fine_tuned" not in run.final:
        return f"{text}."
    sparse, dense = (float(run.final[f"{kind}_ms_fine_tuned"]) for kind in ("sparse", "dense"))
    return f"{text}; then a pass with sparse matrices takes {sparse / dense:.1f} times as long as a dense one."


def _stage(run: Run | None, name: str, form: str) -> str:
    if run is None:
        return "not run"
    return format(float(run.final[name]), form) if name in run.final else "not measured"
