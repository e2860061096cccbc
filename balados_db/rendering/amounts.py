"""Rows, bytes and seconds in words."""

from __future__ import annotations

from balados_db.planning.plan import Forecast
from balados_db.planning.steps import listed


def count(rows: int | None, exact: bool) -> str:
    """Rows in words: `~` marks an estimate."""
    if rows is None:
        return "unknown rows"
    return f"{'' if exact else '~'}{rows:,} {'row' if rows == 1 else 'rows'}"


def size_of(size: int) -> str:
    """Bytes in words."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


def about(seconds: float) -> str:
    """Seconds in one unit, as somebody says it who does not know better."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)} {unit}s"
    whole = max(1, round(seconds))
    return "1 second" if whole == 1 else f"{whole} seconds"


def forecast_in_words(forecast: Forecast) -> str:
    """How long the replay will take, and how that is known."""
    events = f"{'' if forecast.exact else '~'}{forecast.events:,} event{'' if forecast.events == 1 else 's'}"
    if not forecast.events and forecast.exact:
        return "no event to replay"
    if forecast.seconds is None or forecast.measured_on is None:
        return f"{events} to replay; `rebuild wait` measures how long that takes"
    times = "1 rebuild" if forecast.rebuilds == 1 else f"{forecast.rebuilds} rebuilds"
    measured = f"measured with {times}, the last on {forecast.measured_on[:10]}"
    unknown = f"; of {listed(forecast.unmeasured)} none was" if forecast.unmeasured else ""
    return f"about {about(forecast.seconds)} for {events}, {measured}{unknown}"
