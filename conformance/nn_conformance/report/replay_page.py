"""A replay as one HTML file: what came of it, the document's figures beside ours, the curves, the runs."""

from base64 import b64encode
from collections.abc import Sequence

from nn_conformance.replay.display import leaves, line_of_run, seeds_of, tables
from nn_conformance.replay.ledger import Run
from nn_conformance.replay.task import whole_epochs
from nn_conformance.report import pictures
from nn_conformance.report.page import render
from nn_reference.errors import InputError
from nn_reference.systems import System


def html(system: System, framework: str, dtype: str, runs: Sequence[Run]) -> str:
    """The page of a replay of at least one run in ``numpy``, ``torch`` or ``keras``, which needs no other file."""
    image, caption = _curves(system, framework, runs)
    name, _, version = system.id.partition("/")
    seeds = f" --seeds {len(runs)}" if len(runs) > 1 else ""
    epochs = f" --epochs {runs[0].epochs}" if runs[0].epochs < whole_epochs(system) else ""
    command = f"nn-conformance replay {name} --version {version} --with {framework} --dtype {dtype}{seeds}{epochs}"
    return render(
        "replay.html",
        page=True,
        title=f"{system.id}: a replay",
        subtitle=f"{system.title}; {framework}, {dtype}, {seeds_of(runs)}",
        ok=not any(map(leaves, runs)),
        answer=_answer(runs),
        caveats=list(_caveats(system, framework, dtype, runs)),
        tables=tables(system, runs),
        image=image,
        caption=caption,
        lines=[line_of_run(run) for run in runs],
        command=command,
    )


def _answer(runs: Sequence[Run]) -> str:
    held = [run for run in runs if run.agreement is not None]
    left = sum(map(leaves, held))
    if left:
        return f"{left} of {len(runs)} runs left the certified losses within their horizon"
    if held:
        return f"{len(held)} of {len(runs)} runs were held to certified losses, and kept to them"
    return f"{len(runs)} runs, of which none could be held to certified losses"


def _caveats(system: System, framework: str, dtype: str, runs: Sequence[Run]) -> list[str]:
    """What could make the figures mean less than they seem to."""
    whole, held = whole_epochs(system), [run.agreement for run in runs if run.agreement is not None]
    caveats = [f"{framework} alone was asked: nothing here compares it with another framework"]
    if runs[0].epochs < whole:
        caveats.append(f"the runs have {runs[0].epochs:,} of the document's {whole:,} epochs")
    if dtype != system.precision:
        caveats.append(f"the document computes in {system.precision}")
    if held:
        steps = max(agreement.steps for agreement in held)
        caveats.append(
            f"losses are certified for the first {steps} updates; what comes after is compared with nothing exact"
        )
    if len(held) < len(runs):
        caveats.append(
            f"{len(runs) - len(held)} of {len(runs)} runs have no certified losses: other weights, or an order that is drawn"
        )
    if len(runs) == 1:
        caveats.append("one seed says little of how far figures vary; --seeds runs more")
    return caveats


def _curves(system: System, framework: str, runs: Sequence[Run]) -> tuple[str, str]:
    """The picture of the curves as an address of data, and in words; nothing where there is nothing to draw."""
    if not pictures.installed():
        return "", ""
    from nn_conformance.plots.canvas import encoded  # noqa: PLC0415 - they need an extra
    from nn_conformance.plots.curves import draw_curves  # noqa: PLC0415 - likewise

    try:
        picture = draw_curves(system, runs, framework)
    except InputError:  # no column of it has numbers
        return "", ""
    return f"data:image/svg+xml;base64,{b64encode(encoded(picture, 'svg')).decode()}", picture.caption
