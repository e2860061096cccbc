"""Tables of facts, as wide as they are; where a terminal has no room for one, a few lines for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.measure import Measurement
from rich.table import Table

from balados_db.rendering.markup import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console


def print_table(name: str, rows: Any, out: Console) -> None:
    """As wide as it is: nothing is cut. Where a terminal has no room for it, each row becomes a few lines."""
    table = _table(name, rows)
    width = Measurement.get(out, out.options.update(max_width=_UNBOUND), table).maximum
    if not out.file.isatty():
        out.width = max(out.width, width)
    if width <= out.width:
        out.print(table)
        return
    if name:
        out.print(f"[italic]{escape(name)}[/]")
    for row in rows:
        _print_row(row, out)


_UNBOUND = 1_000_000


def _print_row(row: Mapping[str, Any], out: Console) -> None:
    """Its first column as a heading, then what there is to say, broken between facts."""
    heading, *columns = row
    out.print(f"[bold]{escape(cell(row[heading]))}[/]")
    line = ""
    for fact in (f"{c.replace('_', ' ')} {cell(row[c])}" for c in columns if cell(row[c]) != "-"):
        if line and len(line) + len(fact) + 5 > out.width:
            out.print(f"  {escape(line)}")
            line = ""
        line = f"{line} · {fact}" if line else fact
    if line:
        out.print(f"  {escape(line)}")


def _table(name: str, rows: Any) -> Table:
    table = Table(title=name or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    columns = list(rows[0])
    for column in columns:
        number = isinstance(rows[0][column], int) and not isinstance(rows[0][column], bool)
        table.add_column(column.replace("_", " "), justify="right" if number else "left")
    for row in rows:
        table.add_row(*(escape(cell(row[c])) for c in columns))
    return table


def cell(value: Any) -> str:
    """One value of a table."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value) or "-"
    return str(value)
