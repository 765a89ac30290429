"""What a row of a receipt says it is: a grand total, a subtotal, cash, change; by its words, misread or not."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache


class Label(Enum):
    """What the words beside an amount call it."""

    ROUNDED_TOTAL = "rounded total"
    GRAND_TOTAL = "grand total"
    TOTAL_WITH_TAX = "total with tax"
    TOTAL = "total"
    TOTAL_OF_SOMETHING = "total of something"
    """TOTAL and then a word that is not about money."""
    TOTAL_INCLUDES = "total includes"
    """ "TOTAL INCLUDES GST 6%": some tills print the total beside it, some the tax."""
    AMOUNT = "amount"
    SUBTOTAL = "subtotal"
    TOTAL_BEFORE_TAX = "total before tax"
    PART_TOTAL = "part total"
    COUNT = "count"
    TAX = "tax"
    SERVICE = "service charge"
    DISCOUNT = "discount"
    SAVING = "saving"
    ROUNDING = "rounding"
    CASH = "cash"
    CHANGE = "change"
    NONE = ""


TOTALS = frozenset({Label.ROUNDED_TOTAL, Label.GRAND_TOTAL, Label.TOTAL_WITH_TAX, Label.TOTAL})
"""Labels that name what is to be paid."""

_TOTAL = frozenset({"TOTAL", "TOTALS", "TTL", "TL", "JUMLAH", "TOTALRM"})
_SUM = frozenset({"AMOUNT", "AMT", "BILL", "BALANCE", "SALES"})
_TAX = frozenset({"GST", "TAX", "SST", "VAT", "CUKAI", "TAXES"})
_WITH = frozenset({"INCL", "INCLUSIVE", "INCLUDING", "INC", "INCLUDE", "WITH", "AFTER", "INCLD"})
_WITHOUT = frozenset({"EXCL", "EXCLUDING", "EXCLUSIVE", "EXC", "EXCLUDED", "BEFORE", "WITHOUT", "EX", "EXCLUDE"})
_INCLUDES = frozenset({"INCLUDES", "INCLUDED"})
_FINAL = frozenset({"GRAND", "NET", "NETT", "FINAL", "PAYABLE", "DUE", "BAYAR", "BESAR", "BERSIH"})
_PART = frozenset({"SUPPLIES", "TAXABLE", "EXEMPT", "ZERO", "SUPPLY", "AVERAGE", "PAX"})
_COUNT = frozenset({"QTY", "QUANTITY", "ITEMS", "ITEM", "COUNT", "UNITS", "PCS", "PIECES", "BAL"})
_PAID = frozenset(
    {
        "CASH", "TENDER", "TENDERED", "PAID", "PAYMENT", "PAY", "VISA", "MASTER", "MASTERCARD", "CARD", "DEBIT",
        "CREDIT", "RECEIVED", "EDC", "AMEX", "NETS", "TUNAI", "BAYARAN", "ACCEPTED", "CHEQUE", "TENDERS", "MYDEBIT",
    }
)  # fmt: skip
_CHANGE = frozenset({"CHANGE", "BAKI", "CHG"})
_DISCOUNT = frozenset(
    {"DISCOUNT", "DISC", "DISCOUNTS", "REBATE", "VOUCHER", "COUPON", "LESS", "DISKAUN", "OFF", "PROMO", "PROMOTION"}
)
_SAVING = frozenset({"SAVING", "SAVINGS", "SAVED", "SAVE", "JIMAT"})
_POINTS = frozenset({"POINT", "POINTS", "STAMP", "STAMPS", "MEMBER", "LOYALTY", "BONUS"})
_ROUND = frozenset({"ROUND", "ROUNDING", "ROUNDED", "RND", "ROUNDOFF", "GENAP", "PEMBUNDARAN"})
_ADJUST = frozenset({"ADJ", "ADJUSTMENT", "ADJUSTMENTS"})
_AFTER = frozenset({"AFTER", "AFT"})
_SERVICE = frozenset({"SERVICE", "SERV", "SVR", "SRV", "SVC", "SERVIS"})
_CHARGE = frozenset({"CHARGE", "CHARGES", "CHRG", "CHG", "CHGS", "CHRGE"})
_SUBTOTAL = frozenset({"SUBTOTAL", "SUBTTL", "SUBTOTALS"})
_SUMMARY = frozenset({"SUMMARY", "SUMMERY", "ANALYSIS", "BREAKDOWN"})
_OTHERS = frozenset({"SUB", "CASHIER", "EXCHANGE", "GROSS", "RATE", "CODE", "NUMBER", "INVOICE", "GOODS"})

_FILLERS = frozenset({"RM", "MYR", "TO", "BE", "OF", "THE", "IN", "NOW", "FOR", "AND", "SR", "ZRL", "THIS"})

_VOCABULARY = frozenset().union(
    _TOTAL, _SUM, _TAX, _WITH, _WITHOUT, _INCLUDES, _FINAL, _PART, _COUNT, _PAID, _CHANGE, _DISCOUNT, _SAVING,
    _POINTS, _ROUND, _ADJUST, _AFTER, _SERVICE, _CHARGE, _SUBTOTAL, _SUMMARY, _OTHERS,
)  # fmt: skip
_NEARLY = {
    length: tuple(sorted(word for word in _VOCABULARY if len(word) >= 5 and abs(len(word) - length) <= 1))
    for length in range(5, 16)
}
"""The words that a word of so many letters may be a misreading of."""
_LETTER_FOR = str.maketrans({"0": "O", "1": "I", "5": "S", "8": "B", "|": "I", "@": " ", "$": "S"})
_SPREAD = re.compile(r"(?<=\b[A-Za-z]) (?=[A-Za-z]\b)")
"""The gaps of a word printed wide: "T O T A L"."""
_WORD = re.compile(r"[A-Z][A-Z0-9|]*|[0-9|][A-Z0-9|]*[A-Z][A-Z0-9|]*")


def close_gaps(text: str) -> str:
    """The text with words that were printed wide put together."""
    return _SPREAD.sub("", text)


@lru_cache(maxsize=4096)
def words_of(text: str) -> tuple[str, ...]:
    """The words of a row, misread ones of the vocabulary mended ("T0TAL", "ROUR DING"), in order."""
    words = [_mend(word) for word in _WORD.findall(close_gaps(text.upper()))]
    mended: list[str] = []
    for word in words:
        if mended and mended[-1] not in _VOCABULARY and word not in _VOCABULARY:
            joined = _mend(mended[-1] + word)
            if joined in _VOCABULARY:
                mended[-1] = joined
                continue
        mended.append(word)
    return tuple(mended)


@lru_cache(maxsize=4096)
def label_of(text: str) -> Label:
    """What the words call the amount beside them."""
    words = words_of(text)
    said = frozenset(words)
    total = bool(said & _TOTAL)
    after = bool(said & _AFTER)

    if said & _POINTS:
        return Label.NONE
    if said & _ROUND or (said & _ADJUST and not said & _SUMMARY):
        if (total or said & _SUM or said & _SUBTOTAL or said & _FINAL) and ("ROUNDED" in said or after):
            return Label.ROUNDED_TOTAL
        return Label.ROUNDING if said & _ROUND or not total else Label.TOTAL
    if said & _SERVICE and said & _CHARGE:
        return Label.SERVICE
    if said & _SAVING:
        return Label.SAVING
    if said & _DISCOUNT and not (total and after):
        return Label.DISCOUNT
    if said & _CHANGE:
        return Label.CHANGE
    if said & _SUBTOTAL or (total and "SUB" in said):
        return Label.TOTAL_BEFORE_TAX if said & _WITHOUT else Label.SUBTOTAL
    if total and said & _COUNT and not said & _TAX and not said & _FINAL:
        return Label.COUNT
    if said & _PART and not said & {"PAYABLE", "DUE"}:
        return Label.PART_TOTAL
    if total or (said & _SUM and said & (_WITH | _WITHOUT | _FINAL | {"PAID"})):
        return _kind_of_total(words, said, total)
    if said & _TAX:
        return Label.TAX
    if said & {"DUE", "NETT"} or words == ("NET",):
        return Label.GRAND_TOTAL
    if said & _PAID:
        return Label.CASH
    if said & _COUNT:
        return Label.COUNT
    return Label.AMOUNT if said & {"AMOUNT", "AMT"} else Label.NONE


def _kind_of_total(words: tuple[str, ...], said: frozenset[str], total: bool) -> Label:
    if said & _TAX:
        if said & _WITHOUT:
            return Label.TOTAL_BEFORE_TAX
        if said & _WITH:
            return Label.TOTAL_WITH_TAX if total or said & _SUM else Label.TAX
        if said & _INCLUDES:
            # "GST 6% INCLUDED IN TOTAL" states the tax.
            return Label.TAX if words[0] in _TAX else Label.TOTAL_INCLUDES
        if said & {"PAYABLE", "DUE", "GRAND", "NETT"} and total:
            return Label.GRAND_TOTAL
        return Label.TAX
    if said & _WITHOUT:
        return Label.TOTAL_BEFORE_TAX
    if {"TO", "BE"} <= said:
        return Label.GRAND_TOTAL
    if said & _PAID:
        return Label.CASH
    if said & _FINAL:
        return Label.GRAND_TOTAL
    if total and _goes_on(words):
        return Label.TOTAL_OF_SOMETHING
    return Label.TOTAL if total else Label.TOTAL_WITH_TAX


def _goes_on(words: tuple[str, ...]) -> bool:
    """Whether a word that says nothing about money follows TOTAL: "TOTAL SV" counts something."""
    at = next(i for i, word in enumerate(words) if word in _TOTAL)
    return any(word not in _VOCABULARY and word not in _FILLERS for word in words[at + 1 :] if len(word) > 1)


def opens_tax_summary(text: str) -> bool:
    """Whether a row without amounts heads the table of taxes at a receipt's foot."""
    said = frozenset(words_of(text))
    return bool(said & _TAX and (said & _SUMMARY or said & {"AMOUNT", "AMT", "GOODS", "NET", "RATE", "EXCL"}))


@lru_cache(maxsize=8192)
def _mend(word: str) -> str:
    if word in _VOCABULARY:
        return word
    lettered = word.translate(_LETTER_FOR)
    if lettered in _VOCABULARY:
        return lettered
    if len(lettered) >= 5:
        near = [known for known in _NEARLY.get(len(lettered), ()) if _one_off(lettered, known)]
        if len(near) == 1:
            return near[0]
    return word


def _one_off(one: str, other: str) -> bool:
    """Whether one letter put in, left out or changed makes the one word the other."""
    if len(one) > len(other):
        one, other = other, one
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    return one[at + (len(one) == len(other)) :] == other[at + 1 :]
