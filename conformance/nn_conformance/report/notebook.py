"""`%load_ext nn_conformance`, and `%%conforms NETWORK` above a cell: what the cell defines last is judged."""

import ast
import shlex
from functools import partial
from typing import Any

from nn_conformance.outcome import Report
from nn_conformance.run import judge
from nn_reference.errors import NNReferenceError


def load_ipython_extension(shell: Any) -> None:
    """Registers the magic `%%conforms` with IPython's shell."""
    shell.register_magic_function(partial(conforms, shell), "cell", "conforms")


def conforms(shell: Any, line: str, cell: str) -> Report | None:
    """Runs a cell, and judges the function, class or object that it defines last.

    Args:
        shell: IPython's.
        line: names of networks; a network of one's own in quotation marks. Without any, what the object is marked with.
        cell: the code.

    Returns:
        The report, which the notebook shows; None where the cell itself failed, which it shows too.

    Raises:
        UsageError: the cell defines nothing, or there is no such network; IPython prints one line.
    """
    from IPython.core.error import UsageError  # noqa: PLC0415 - only where there is IPython

    try:
        networks = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%%conforms: expected names of networks, got {line!r}: {error}") from None
    if not shell.run_cell(cell).success:
        return None
    name = last_defined(shell.transform_cell(cell))
    if name is None or name not in shell.user_ns:
        raise UsageError("%%conforms: expected a cell that defines a function, a class or a model, got none")
    try:
        return judge(shell.user_ns[name], networks or None)
    except NNReferenceError as error:
        raise UsageError(f"%%conforms: {error}") from None


def last_defined(code: str) -> str | None:
    """The name of the last function or class at the top of some code, or that a statement assigns."""
    for statement in reversed(ast.parse(code).body):
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                return name
            case ast.Assign(targets=[ast.Name(id=name)]):
                return name
    return None
