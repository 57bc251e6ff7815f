"""`nn-conformance explain`, `verify --only` and `--fuzz`. Imports nothing heavy: `--help` reads this."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from nn_conformance.cli.options import EXIT_NONCONFORMING, JsonOption, print_json

if TYPE_CHECKING:
    from nn_conformance.cases import format as fmt
    from nn_conformance.judge.target import Target
    from nn_conformance.protocol.program import ProtocolTarget
    from nn_conformance.protocol.session import Session
    from nn_conformance.subjects import Judged

OnlyOption = Annotated[
    str | None,
    typer.Option("--only", metavar="ID", help="Run checks again, by an id or its first parts."),
]
FuzzOption = Annotated[
    int | None,
    typer.Option(
        "--fuzz",
        metavar="N",
        help="Draw N networks; print the smallest that fails.",
    ),
]


def complete_slug(incomplete: str) -> list[str]:
    """Names of mistakes, for the shell."""
    from nn_conformance.explain.texts import texts

    return [slug for slug in texts() if slug.startswith(incomplete)]


def explain(
    slug: Annotated[
        str | None,
        typer.Argument(
            metavar="MISTAKE|WORD",
            help="A name that a report gives, or a word: lists the mistakes that have it; without one, all.",
            autocompletion=complete_slug,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """What a mistake is, how it shows, and how to mend it."""
    from msgspec import to_builtins

    from nn_conformance.explain.texts import grouped, text_of, texts
    from nn_conformance.report import console as render

    catalogue, word = texts(), (slug or "").lower()
    listed = {name: text for name, text in catalogue.items() if word in f"{name} {text.what}".lower()}
    one = slug is not None and (slug in catalogue or not listed)
    chosen = {slug: text_of(slug)} if slug is not None and one else listed
    if as_json:
        print_json({name: to_builtins(text) for name, text in chosen.items()})
        return
    if slug is None or not one:
        width = max(map(len, listed))
        for group, of_group in grouped().items():
            names = [name for name in of_group if name in listed]
            if names:
                render.line(f"{group}:")
            for name in names:
                render.line(f"  {name:<{width}}  {listed[name].what}")
        if slug is None and render.console().is_terminal:
            render.line(
                "explain NAME says why it happens and how to mend it; explain WORD lists those that have the word"
            )
        return
    text = chosen[slug]
    for label, said in (
        (slug, text.what),
        ("shows as", text.formula),
        ("happens when", text.cause),
        ("mend", text.mend),
    ):
        render.line(f"{f'{label}:':<{max(len(slug) + 1, 13)}} {said}")


def again(
    target: "ProtocolTarget | None",
    spec: str | None,
    oracles: Sequence["Target"],
    networks: list[str] | None,
    only: str | None,
    fuzz: int | None,
    *,
    as_json: bool,
) -> None:
    """`verify --only` and `verify --fuzz`, of a target in a process of its own, or of our oracles.

    Raises:
        typer.Exit: with code 1, if the harness does not start or something failed.
        InputError: no such check; fewer than one network; both options, or names of networks with --only.
    """
    from nn_conformance.adapt.claims import is_own
    from nn_conformance.protocol.session import Session
    from nn_conformance.report import console as render
    from nn_conformance.subjects import named_systems, session_subject
    from nn_reference.errors import InputError

    if only is not None and (fuzz is not None or not all(map(is_own, networks or ()))):
        raise InputError("verify: expected names of documented networks, --only or --fuzz, got more than one of them")
    systems = named_systems(networks or ())  # an unknown name is refused before a program is started
    offers: Sequence[tuple[fmt.Optimizer, bool]] = ()
    judged, claimed = list(oracles), networks or []
    dtype: fmt.Dtype = "float64"
    if target is not None:
        session = Session(target)
        if not session.begin():
            for verdict in session.verdicts:
                render.line(f"{verdict.status}: {verdict.id}: {verdict.reason}")
            raise typer.Exit(EXIT_NONCONFORMING)
        subject = session_subject(session, () if only is None else networks or ())
        claimed = networks or ([system.id for system in subject.claimed(())] if subject.claim.systems else [])
        judged = [subject.target]
        if only is not None:
            systems, offers = subject.claimed(networks or ()), subject.offers
        dtype = session.dtypes[-1]
    right = (
        _fuzz(judged, fuzz or 0, spec or "", claimed, dtype, as_json=as_json)
        if only is None
        else _only(judged, only, systems, offers, None if target is None else session, as_json=as_json)
    )
    if not right:
        raise typer.Exit(EXIT_NONCONFORMING)


def _only(
    targets: Sequence["Target"],
    check: str,
    systems: Sequence["Judged"],
    offers: Sequence[tuple["fmt.Optimizer", bool]],
    session: "Session | None",
    *,
    as_json: bool,
) -> bool:
    from nn_conformance.cases.store import Store
    from nn_conformance.cli.only import judge_only, of_no_case
    from nn_conformance.judge.known import shipped
    from nn_conformance.judge_run import JudgeRun
    from nn_conformance.report import console as render

    store, ours = Store(), session is None
    verdicts = of_no_case(check, session)
    for target in () if verdicts else targets:
        run = JudgeRun(target, systems, store, known=shipped(target.name) if ours else (), slow=ours, offers=offers)
        verdicts += [(target.name, verdict) for verdict in judge_only(run, check)]
    if as_json:
        print_json([{"target": name, **verdict.as_json()} for name, verdict in verdicts])
    else:
        for name, verdict in verdicts:
            numbers = f"error {verdict.error:.3g}, limit {verdict.limit:.3g}: "
            failure = f" ({verdict.failure})" if verdict.failure else ""
            render.line(f"{verdict.status}{failure}: {verdict.id} ({name})")
            render.line(f"     {numbers if verdict.error == verdict.error else ''}{verdict.reason}")
    statuses = {verdict.status for _, verdict in verdicts}
    return "failed" not in statuses and bool(statuses & {"passed", "expected failure"})


def _fuzz(
    targets: Sequence["Target"], count: int, spec: str, networks: Sequence[str], dtype: "fmt.Dtype", *, as_json: bool
) -> bool:
    """Draw networks like the named ones, or any; `spec` is how the command line names a target of somebody's."""
    from nn_conformance.cases.families import describe_network
    from nn_conformance.extras import check_installed
    from nn_conformance.report import console as render
    from nn_conformance.subjects import named_systems

    check_installed("verify --fuzz", ["hypothesis"], "test")
    from nn_conformance.fuzz.drawn import fuzz

    like = [describe_network(system.network) for system in named_systems(networks)] if networks else []
    found = {target.name: fuzz(target, count, like=like, dtype=dtype) for target in targets}
    if as_json:
        records = [
            {
                "target": name,
                "drawn": one.drawn,
                "unsupported": one.unsupported,
                "compared": one.compared,
                "pieces": {piece: {"drawn": d, "compared": c} for piece, (d, c) in one.pieces.items()},
                "wrong": one.wrong,
                "snippet": one.snippet(spec),
            }
            for name, one in found.items()
        ]
        print_json(records)
        return all(one.right for one in found.values())
    for name, one in found.items():
        for text in f"{name}: {one}".splitlines():
            render.line(text)
        if one.failing is not None:
            render.line("the smallest that fails:")
            render.line(one.snippet(spec))
    return all(one.right for one in found.values())
