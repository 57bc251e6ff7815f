"""Markdown, from the templates in `templates`: pages, and the sentences that stand beside a verdict."""

from functools import cache
from typing import Any

import jinja2


def in_cell(value: object) -> str:
    """A value in a table's cell: one line, in which a bar would end the cell."""
    return " ".join(str(value).replace("|", "&#124;").split())


def starred(text: str) -> str:
    """Text with formulas in a table's cell, where a star would begin emphasis."""
    return text.replace("|", "\\|").replace("*", "\\*")


@cache
def template(name: str) -> jinja2.Template:
    """One of them; a name that it needs and is not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nn_maintain"),
        autoescape=jinja2.select_autoescape(),  # which no name of ours asks for: our own words are Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": in_cell, "starred": starred}
    return environment.get_template(name)


def render(name: str, **values: Any) -> str:
    """A template, filled in."""
    return template(name).render(values)


def sentence(name: str, **values: Any) -> str:
    """A macro of `reasons.md` as one line, however many its template has."""
    return " ".join(str(getattr(template("reasons.md").module, name)(**values)).split())
