"""Tables in Markdown."""

from collections.abc import Collection, Sequence


def lines_of_table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Header, rule and rows; the columns in `right` are numbers."""
    rule = ["--:" if k in right else "---" for k in range(len(head))]
    return [_line(head), f"|{'|'.join(rule)}|", *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', '&#124;').split()) for cell in cells)} |"
