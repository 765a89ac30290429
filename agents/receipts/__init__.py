"""Reads scanned shop receipts: boxes of text in, company, date, address and total out. Pure functions, no I/O.

`read_primary` goes by the rows' words, `read_by_consensus` by agreement among the sums; `check_arithmetic` reckons a
total from the other figures; `judge` decides whether it can be posted without a person.
"""

from .arithmetic import ArithmeticCheck, check_arithmetic
from .consensus import read_by_consensus
from .primary import read_primary
from .reading import Figures, Reading
from .verdict import POST_FROM, Verdict, judge

__all__ = [
    "POST_FROM",
    "ArithmeticCheck",
    "Figures",
    "Reading",
    "Verdict",
    "check_arithmetic",
    "judge",
    "read_by_consensus",
    "read_primary",
]
