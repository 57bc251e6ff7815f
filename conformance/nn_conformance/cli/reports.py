"""The options that write a report to files, and `nn-conformance compare`. Imports nothing heavy: `--help` reads this."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from nn_conformance.cli.options import EXIT_NONCONFORMING, JsonOption, examples, print_json

SHOWN = 20  # changes of each kind
EPILOG = examples("verify my_xor.py:gradients --json new.json", "compare old.json new.json")

HtmlOption = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page that opens offline.")]
JsonHereOption = Annotated[bool, typer.Option("--json", help="Print JSON; with a name FILE.json after it, write it.")]
# Typer has no option whose value may be left out: `with_json_file` turns --json FILE.json into this one.
JsonFileOption = Annotated[Path | None, typer.Option("--json-file", hidden=True)]
JunitOption = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit's XML, a test for each check.")
]
MarkdownOption = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="Write Markdown, as for a job's summary.")
]


def with_json_file(arguments: Sequence[str]) -> list[str]:
    """The arguments of `verify`, with --json as --json-file where a name ending in .json follows it."""
    words = list(arguments)
    for k, following in enumerate(words[1:]):
        if words[0] == "verify" and words[k] == "--json" and following.endswith(".json"):
            words[k] = "--json-file"
    return words


def compare(
    first: Annotated[Path, typer.Argument(metavar="A.json", help="The report before.")],
    second: Annotated[Path, typer.Argument(metavar="B.json", help="The report after.")],
    as_json: JsonOption = False,
) -> None:
    """Which checks are better or worse in a second report.

    Both are files that `verify --json FILE.json` has written. Exit codes: 0 nothing is worse, 1 something is, 2 bad
    arguments or data.
    """
    from nn_conformance.report import console as render
    from nn_conformance.report.compare import compare as compared

    better, worse, same = compared(first, second)
    kinds = {"better": better, "worse": worse}
    if as_json:
        print_json({**{kind: [c._asdict() for c in of_kind] for kind, of_kind in kinds.items()}, "same": same})
    else:
        for kind, of_kind in kinds.items():
            for change in of_kind[:SHOWN]:
                render.line(f"{kind}: {change.id} ({change.target}): {change.before}, now {change.after}")
            if len(of_kind) > SHOWN:
                render.line(f"... and {len(of_kind) - SHOWN} more that are {kind}; --json has them all")
        render.line(f"{len(better)} better, {len(worse)} worse, {same} the same")
    if worse:
        raise typer.Exit(EXIT_NONCONFORMING)
