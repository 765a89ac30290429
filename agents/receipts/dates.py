"""The day on which a receipt was printed, in the many ways tills write it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .layout import Row

EARLIEST = dt.date(2000, 1, 1)
LATEST_YEAR = 2035
"""Without a clock to ask, a receipt dated later than this is misread."""

_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6, "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11,
    "DEC": 12, "MAC": 3, "MEI": 5, "OGO": 8, "OKT": 10, "DIS": 12,
}  # fmt: skip
_MONTH = (
    r"(?P<month>JAN(?:UARY|UARI)?|FEB(?:RUARY|RUARI)?|MAR(?:CH)?|MAC|APR(?:IL)?|MAY|MEI|JUNE?|JULY?|AUG(?:UST)?|OGOS?"
    r"|SEP(?:T|TEMBER)?|OCT(?:OBER)?|OKT(?:OBER)?|NOV(?:EMBER)?|DEC(?:EMBER)?|DIS(?:EMBER)?)"
)
_YEAR = r"(?P<year>(?:19|20)[0-9]{2}|[0-9]{2})"
_NUMERIC = re.compile(
    rf"(?<![0-9./-])(?P<first>[0-9]{{1,2}})\s?(?P<sep>[/.-])\s?(?P<second>[0-9]{{1,2}})\s?[/.-]\s?{_YEAR}(?![0-9]|[/.-][0-9])"
)
_YEAR_FIRST = re.compile(
    r"(?<![0-9])(?P<year>(?:19|20)[0-9]{2})(?P<sep>[/.-])(?P<second>[0-9]{1,2})[/.-](?P<first>[0-9]{1,2})(?![0-9])"
)
_DAY_NAMED = re.compile(
    rf"(?<![0-9])(?P<first>[0-9]{{1,2}})(?:ST|ND|RD|TH)?[\s/.,-]{{0,2}}{_MONTH}[\s/.,'-]{{0,2}}{_YEAR}(?![0-9])"
)
_MONTH_NAMED = re.compile(
    rf"(?<![A-Z]){_MONTH}\.?[\s-]?(?P<first>[0-9]{{1,2}})(?:ST|ND|RD|TH)?[\s,-]{{1,2}}{_YEAR}(?![0-9])"
)
_RUN_TOGETHER = re.compile(
    r"(?<![0-9A-Z#:.-])(?P<first>[0-3][0-9])(?P<second>[01][0-9])(?P<year>20[0-3][0-9])(?![0-9])"
)
_TIME = re.compile(r"(?<![0-9])[0-2]?[0-9]\s?[:.]\s?[0-5][0-9](?:\s?[:.]\s?[0-5][0-9])?\s?(?:[AP]\.?M)?(?![0-9])")
_LETTER_AS_DIGIT = re.compile(r"(?<=[0-9/.-])[OQ](?=[0-9/.-])|(?<=[0-9/.-])[IL|](?=[0-9/.-])|\bO(?=[0-9]\s?[/.-])")
_DUE = re.compile(r"EXPIR|VALID|UNTIL|DUE DATE|BEFORE|BIRTH|EFFECTIVE|STARTING|EXP\b|WITHIN|PROMO")


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date on a receipt."""

    value: dt.date
    row: int
    words: str
    month_first: bool
    """Only possible as month/day/year; where both orders are possible the day stands first, as in Malaysia."""
    weight: float
    plausible: bool


def find_date(rows: Sequence[Row]) -> FoundDate | None:
    """The likeliest date of purchase; an implausible one only when there is no other."""
    found = [date for row in rows for date in dates_in(row.text, row.index)]
    if not found:
        return None
    times_seen: dict[dt.date, int] = {}
    for date in found:
        times_seen[date.value] = times_seen.get(date.value, 0) + 1
    return max(found, key=lambda date: (date.plausible, date.weight + 0.5 * (times_seen[date.value] - 1), -date.row))


def dates_in(text: str, row: int = 0) -> Iterable[FoundDate]:
    """Every date in a text, weighed by what stands beside it: the word DATE, a time of day, an expiry."""
    upper = _LETTER_AS_DIGIT.sub(lambda m: "0" if m[0] in "OQ" else "1", text[:200].upper())
    beside = (1.0 if "DATE" in upper or "TARIKH" in upper else 0.0) + (0.5 if _TIME.search(upper) else 0.0)
    beside -= 2.0 if _DUE.search(upper) else 0.0
    for pattern, weight in (
        (_NUMERIC, 2.0),
        (_YEAR_FIRST, 2.0),
        (_DAY_NAMED, 2.0),
        (_MONTH_NAMED, 1.5),
        (_RUN_TOGETHER, 0.5),
    ):
        for match in pattern.finditer(upper):
            date, month_first = _date(match)
            if date is not None:
                sure = weight + beside - (0.5 if match.groupdict().get("sep") == "." else 0.0)
                yield FoundDate(date, row, match[0], month_first, sure, is_plausible(date))


def is_plausible(date: dt.date, today: dt.date | None = None) -> bool:
    """Whether a receipt can bear this date: not before 2000, not in the future (a day's grace for time zones)."""
    latest = today + dt.timedelta(days=1) if today else dt.date(LATEST_YEAR, 12, 31)
    return EARLIEST <= date <= latest


def parse_date(text: str) -> dt.date | None:
    """The date that a short text states, as in a form or a truth file."""
    found = sorted(dates_in(text), key=lambda date: (-date.plausible, -date.weight))
    return found[0].value if found else None


def _date(match: re.Match[str]) -> tuple[dt.date | None, bool]:
    parts = match.groupdict()
    year = int(parts["year"])
    year += 2000 if year < 70 else 1900 if year < 100 else 0
    first = int(parts["first"])
    second = _MONTHS[parts["month"][:3]] if parts.get("month") else int(parts["second"])
    try:
        return dt.date(year, second, first), False
    except ValueError:
        pass
    if parts.get("month"):
        return None, False
    try:
        return dt.date(year, first, second), True
    except ValueError:
        return None, False
