"""The name of the shop, from the head of its receipt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .layout import Row

_HEAD_ROWS = 9
_LIMITED = re.compile(r"\b(?:SDN\.?\s*\.?\s*B[HN]D|S/B|BERHAD|BHD|PLT|LLP|PTE\.?\s*LTD|LTD|INC)\b\.?", re.IGNORECASE)
_TRADE = re.compile(
    r"\b(?:ENTERPRISE|TRADING|RESTORAN|RESTAURANT|KEDAI|PERNIAGAAN|SYARIKAT|HARDWARE|STATIONER[YS]|MARKET|MART|BAKER(?:Y|IES)"
    r"|CAFE|KOPITIAM|PHARMACY|FARMASI|PASARAYA|COMPANY|CO\.|SHOP|STORE|HOUSE|BOOK|CENTRE|CENTER|SUPPLY|SERVICES?|HOTEL|CLINIC)\b",
    re.IGNORECASE,
)
_NOT_A_NAME = re.compile(
    r"^\W*(?:TAX\s*INVOICE|INVOICE|RECEIPT|CASH\s*(?:SALE|BILL|RECEIPT|SALES)S?|SIMPLIFIED.*|WELCOME.*|THANK.*|TQ\b.*"
    r"|COMPANY NO.*|DUPLICATE.*|YOUR ORDER.*|OFFICIAL.*|COPY|REPRINT|BILL|CUSTOMER COPY|GST.*|TEL.*|PROMO.*|ORDER.*"
    r"|LICENSEE.*|WWW.*|HTTP.*|DATE.*)\W*$",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(?:JALAN|JLN|LOT|LORONG|TAMAN|TMN|BATU|PERSIARAN|LEBUH|LEVEL|FLOOR|BLOCK|BLK|SEKSYEN|SECTION|KAWASAN|UNIT|P\.?T\.?D?\b)"
    r"|\bNO\s?[.:,]?\s?\d|\b\d{5}\b\s+[A-Z]",
    re.IGNORECASE,
)
_CONTACT = re.compile(r"\b(?:TEL|FAX|GST|REG|PHONE|INVOICE|EMAIL|E-MAIL|DATE|ROC|BR\s?NO|MOBILE)\b", re.IGNORECASE)
_REGISTRATION = re.compile(
    r"\s*[(\[]?\s*(?:CO\.?\s*(?:REG\.?)?\s*(?:NO\.?)?\s*:?\s*)?(?:[A-Z]{2})?[0-9]{4,9}\s?-?\s?[A-Z0-9]?\s*[)\]]?\s*(?:\([A-Z]{2,4}\))?\s*$"
)
_GOES_ON = re.compile(r"(?:CO\.|ENTERPRISE|TRADING|STATIONERY|RESOURCES|HOLDINGS|MARKETING)", re.IGNORECASE)
"""No name begins like this: it began on the row above."""
_NUMBERS = re.compile(r"[\W\d_]*[A-Z]?[\W\d_]*")


def find_company(rows: Sequence[Row]) -> str | None:
    """The company's name as printed, without its registration number; None when the head names nobody.

    A registered form (SDN BHD, S/B) outdoes a trading name above it, and a name broken over rows is put together.
    """
    head: list[str] = []
    for row in rows[:_HEAD_ROWS]:
        text = row.text
        if head and (_ADDRESS.search(text) or _CONTACT.search(text)) and not _LIMITED.search(text):
            break
        name = _REGISTRATION.sub("", text).strip(" -*:,")
        if len(name) < 3 or _NUMBERS.fullmatch(name) or _NOT_A_NAME.match(name):
            continue
        head.append(name)
    for at, name in enumerate(head[:6]):
        if _LIMITED.search(name):
            return _joined(head, at)
    if len(head) > 1 and not _TRADE.search(head[0]) and _TRADE.search(head[1]) and head[1][0] != "(":
        return f"{head[0]} {head[1]}" if len(head[1].split()) == 1 and len(head[0].split()) <= 3 else head[1]
    if len(head) > 1 and head[0].rstrip().endswith("&"):
        return f"{head[0]} {head[1]}"
    return head[0] if head else None


def _joined(head: Sequence[str], at: int) -> str:
    """The row that names the company's form, with the rows before it that its name began on."""
    name = _up_to_form(head[at])
    while at > 0:
        own = _LIMITED.sub("", name).strip(" .()")
        broken = name.count(")") > name.count("(") or len(own.split()) <= 1 or bool(_GOES_ON.match(name))
        before = head[at - 1]
        if not broken or _LIMITED.search(before) or set(before.upper().split()) <= set(name.upper().split()):
            break
        name, at = f"{before} {name}", at - 1
        if name.count(")") == name.count("(") and len(name.split()) > 5:
            break
    return name


def _up_to_form(name: str) -> str:
    last = list(_LIMITED.finditer(name))[-1]
    rest = name[last.end() :]
    return name[: last.end()].strip() if re.match(r"\s*[(\d]", rest) or not rest.strip() else name
