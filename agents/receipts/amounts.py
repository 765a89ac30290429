"""Money as an OCR reads it: spaces inside numbers, letters for digits, minus signs behind, tax codes stuck on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

MAX_AMOUNT = Decimal("9999999.99")
"""A till prints nothing larger; longer runs of digits are bar codes and document numbers."""

_DIGIT_FOR = str.maketrans({"O": "0", "o": "0", "Q": "0", "l": "1", "I": "1", "|": "1", "S": "5", "B": "8"})
_CURRENCY = r"RM|MYR|RN|R\s?M|S\$|US\$|USD|SGD|EUR|GBP|IDR|THB|\$|€|£|¥"
_UNIT = r"(?:KGS?|GMS?|G|MG|ML|L|LTR|LITRES?|LITERS?|PCS?|NOS?|UNITS?|SETS?|PKTS?|CM|MM|M|FT|INCH|HRS?|MIN|PTS?)"

_MONEY = re.compile(
    rf"""
    (?<![0-9A-Za-z.,/#])                                # not inside a word, a date, a code
    (?:(?<![0-9]:)|(?=[A-Za-z$]))                       # nor inside a time
    (?P<open>\()?\s?
    (?P<minus>[-\u2212\u2013])?             # " - 5.00" is a dash before a sum
    (?:(?P<currency>{_CURRENCY})\s?(?::|\.(?=\s?[0-9]+[.,]))?\s?(?=[-0-9OolI|.(]))?
    (?P<minus2>[-\u2212\u2013])?\s?
    (?P<whole>
        [0-9OQolI|SB]{{1,3}}(?:[,.][0-9OolI]{{3}})+         # the 1,234 of 1,234.50
        (?=\s?[.,]\s?[0-9OolI]{{2}}(?![0-9])|(?![.,0-9]))
      | [0-9OQolI|SB]{{0,7}}
    )
    (?: (?P<gap>\s?)[.,](?P<gap2>\s?)(?P<cents>[0-9OQolI|]{{1,4}}) )?
    (?![0-9%]|\s?%|[.,:/][0-9]|\s?@)
    (?:\s?(?P<close>\)))?
    (?P<behind>-(?![0-9A-Za-z]))?
    """,
    re.VERBOSE,
)
_COUNTED = re.compile(rf"\s?{_UNIT}(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class Amount:
    """One sum of money in a text: its value, where it stands, and how well it could be read."""

    value: Decimal
    start: int
    end: int
    currency: str | None
    places: int
    """Digits behind the point: money has two; one or three and more are unit prices or a torn print."""
    mended: bool
    """Letters were read as digits, or a space was taken out."""

    @property
    def exact(self) -> bool:
        """Printed as money is: two digits behind the point."""
        return self.places == 2


def amounts_in(text: str) -> tuple[Amount, ...]:
    """Every sum of money in a row's text, left to right. Percentages, dates, times, weights and codes are left out.

    A number without cents counts only behind a currency sign ("RM 5"). A minus may stand before, behind ("2.07-")
    or be a pair of brackets ("(0.02)").
    """
    found = []
    for match in _MONEY.finditer(text):
        amount = _amount(match, text)
        if amount is not None:
            found.append(amount)
    return tuple(found)


def money(text: str) -> Decimal | None:
    """The one sum that a short text states, as in a form or a truth file: "RM 1,234.50", "$8.20", "83"."""
    found = amounts_in(text.upper())
    if found:
        return found[-1].value
    bare = re.fullmatch(r"\s*(\d{1,7})\s*", text)
    return Decimal(bare[1]) if bare else None


def _amount(match: re.Match[str], text: str) -> Amount | None:
    whole, cents, currency = match["whole"], match["cents"], match["currency"]
    if cents is None and (currency is None or not whole):
        return None  # "1,124" may be points, a page, a year
    if not any(char.isdigit() for char in whole + (cents or "")):
        return None
    # "S 4.20" or "B1.50": a letter that stands for a digit needs real digits beside it.
    if whole and not any(char.isdigit() for char in whole) and whole not in {"O", "o", "Q", "l", "I", "|"}:
        return None
    if match["gap2"] and (len(cents or "") != 2 or not whole):
        return None  # "NO. 12": a full stop and a number, not a price
    if currency is None and _COUNTED.match(text, match.end()):
        return None
    digits = re.sub(r"[.,]", "", whole).translate(_DIGIT_FOR)
    fraction = (cents or "").translate(_DIGIT_FOR)
    if not (digits + fraction).isascii() or not (digits + fraction).isdigit():
        return None
    value = Decimal(f"{digits or '0'}.{fraction or '0'}")
    if len(fraction) <= 2:
        value = value.quantize(Decimal("0.01"))
    if value > MAX_AMOUNT:
        return None
    negative = bool(match["minus"] or match["minus2"] or match["behind"] or (match["open"] and match["close"]))
    start = match.start() + (len(match[0]) - len(match[0].lstrip()))
    return Amount(
        value=-value if negative and value else value,
        start=start,
        end=match.end(),
        currency=_code(currency),
        places=len(fraction),
        mended=bool(match["gap"] or match["gap2"])
        or f"{whole}{cents or ''}" != f"{whole}{fraction}"
        or not _plain(whole),
    )


def _plain(whole: str) -> bool:
    return all(char in "0123456789.," for char in whole)


def _code(mark: str | None) -> str | None:
    """ISO code of a currency mark; a bare $ says nothing (Malaysian tills print it for ringgit)."""
    if mark is None:
        return None
    mark = mark.replace(" ", "")
    codes = {"RM": "MYR", "RN": "MYR", "S$": "SGD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "$": None}
    return codes.get(mark, mark)
