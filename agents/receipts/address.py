"""The shop's address, from the head of its receipt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .layout import Row

_LOOK_ROWS = 14
_MOST_ROWS = 6
_PLACE = re.compile(
    r"\b(?:JALAN|JLN|LOT|LORONG|TAMAN|TMN|BATU|PERSIARAN|LEBUH(?:RAYA)?|LEVEL|FLOOR|FLR|BLOCK|BLK|SEKSYEN|SECTION|SEK|KAWASAN|UNIT"
    r"|PTD?|BANDAR|BDR|KAMPUNG|KG|MUKIM|PLAZA|MALL|WISMA|MENARA|BANGUNAN|ROAD|STREET|AVENUE|SQUARE|GROUND|PUSAT|MEDAN|PARK|ARAH"
    r"|SELANGOR|JOHOR|KUALA LUMPUR|PENANG|PERAK|MELAKA|SARAWAK|SABAH|PAHANG|KEDAH|KELANTAN|TERENGGANU|PERLIS"
    r"|NEGERI SEMBILAN|PUTRAJAYA|SHAH ALAM|PETALING JAYA|PUCHONG|KLANG|CHERAS|SKUDAI|MALAYSIA|D\.E|DARUL EHSAN)\b"
    r"|^\W*NO\b\s?[.:,]?\s?[0-9A-Z]|\b[0-9]{5}\b|^\W*[0-9]+[A-Z]?[-&,][0-9A-Z,&\s-]*",
    re.IGNORECASE,
)
_ENDS = re.compile(
    r"\b(?:TEL|TELEPHONE|FAX|GST|TAX|INVOICE|RECEIPT|E-?MAIL|WWW|HTTPS?|REG|PHONE|H/P|HP|MOBILE|WHATSAPPS?|DATE|CASHIER|BILL"
    r"|TABLE|SITE|SALES|TERMINAL|DOC(?:UMENT)?|COMPANY|HOURS|CUSTOMER|ROC|CO\.? ?NO|BR\.? ?NO)\b"
    r"|@|^\W*\+?6?0[0-9]{1,2}-|^\W*[A-Z]{0,3}[0-9]{5,}\s?-?\s?[A-Z0-9]?\W*$|\(.*-[A-Z]\)",
    re.IGNORECASE,
)
_STREET = re.compile(
    r"\b(?:JALAN|JLN|LOT|LORONG|PERSIARAN|LEBUH(?:RAYA)?|LEVEL|FLOOR|FLR|BLOCK|BLK|UNIT|ROAD|STREET|NO)\b|[0-9]",
    re.IGNORECASE,
)
"""An address starts with a house or a street; a town alone above it is the branch's name."""
_POSTCODE = re.compile(r"\b[0-9]{5}\b")
_LIMITED = re.compile(r"\b(?:SDN|BHD|S/B)\b", re.IGNORECASE)


def find_address(rows: Sequence[Row]) -> str | None:
    """The first run of rows that read as a place, joined as printed; None when there is none."""
    texts = [row.text.strip() for row in rows[1:_LOOK_ROWS]]
    start = next((at for at, text in enumerate(texts) if _is_place(text) and _STREET.search(text)), None)
    if start is None:
        start = next((at for at, text in enumerate(texts) if _is_place(text)), len(texts))
    kept: list[str] = []
    for at, text in enumerate(texts[start : start + _MOST_ROWS], start):
        # A row that names no place belongs when the row above breaks off, or the address goes on below it.
        if not _is_place(text) and not (_may_be_place(text) and (kept[-1].endswith(",") or _resumes(texts, at + 1))):
            break
        kept.append(text)
    address = " ".join(kept).strip()
    return address if sum(char.isalpha() for char in address) >= 8 else None


def _is_place(text: str) -> bool:
    return bool(_PLACE.search(text)) and _may_be_place(text)


def _may_be_place(text: str) -> bool:
    return not _ENDS.search(text) and not _LIMITED.search(text)


def _resumes(texts: Sequence[str], at: int) -> bool:
    return at < len(texts) and _is_place(texts[at]) and bool(_POSTCODE.search(texts[at]))
