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
    r"|@|^\W*\+?0[0-9]{1,2}-|\(.*-[A-Z]\)",
    re.IGNORECASE,
)
_LIMITED = re.compile(r"\b(?:SDN|BHD|S/B)\b", re.IGNORECASE)


def find_address(rows: Sequence[Row]) -> str | None:
    """The first run of rows that read as a place, joined as printed; None when there is none."""
    kept: list[str] = []
    for row in rows[1:_LOOK_ROWS]:
        text = row.text.strip()
        is_place = bool(_PLACE.search(text)) and not _ENDS.search(text) and not _LIMITED.search(text)
        if is_place and len(kept) < _MOST_ROWS:
            kept.append(text)
        elif kept:
            if _continues(kept, text):
                kept.append(text)
            else:
                break
    address = " ".join(kept).strip()
    return address if sum(char.isalpha() for char in address) >= 8 else None


def _continues(kept: Sequence[str], text: str) -> bool:
    """A row without a place's words goes on with the address when the row before ended in a comma."""
    return kept[-1].endswith(",") and not _ENDS.search(text) and len(kept) < _MOST_ROWS and not _LIMITED.search(text)
