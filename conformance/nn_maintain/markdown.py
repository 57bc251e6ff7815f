"""Markdown, from the templates in `templates`: pages, and the sentences that stand beside a verdict."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jinja2

# In a table's cell: one line, in which a bar would end the cell; and text with formulas, where a star would begin emphasis.
FILTERS: dict[str, Callable[[Any], str]] = {
    "cell": lambda value: " ".join(str(value).replace("|", "&#124;").split()),
    "starred": lambda text: text.replace("|", "\\|").replace("*", "\\*"),
}


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
    environment.filters |= FILTERS
    return environment.get_template(name)


def render(name: str, **values: Any) -> str:
    """A template, filled in."""
    return template(name).render(values)


def sentence(name: str, **values: Any) -> str:
    """A macro of `reasons.md` as one line, however many its template has."""
    return " ".join(str(getattr(template("reasons.md").module, name)(**values)).split())
