"""Is a rate higher than it was by more than chance? Fisher's exact test, one-sided."""

from __future__ import annotations

import math


def chance_of_more(failed: int, turns: int, failed_before: int, turns_before: int) -> float:
    """Probability, 0 to 1, that so many of the failures (or more) fall into the second period by chance alone.

    R. A. Fisher, Statistical Methods for Research Workers, 5th ed. (1934), section 21.02: given the table's margins,
    the upper tail of the hypergeometric distribution. 1.0 when one of the periods has no turns.
    """
    if not turns or not turns_before:
        return 1.0
    failures, everything = failed + failed_before, turns + turns_before
    most = min(failures, turns)
    if failed > most or failed_before > turns_before:
        raise ValueError("more failures than turns")
    term = math.exp(
        _ln_choose(turns, failed) + _ln_choose(turns_before, failures - failed) - _ln_choose(everything, failures)
    )
    total = 0.0
    for inside in range(failed, most + 1):
        total += term
        outside = failures - inside
        if term < total * 1e-17:
            break
        term *= (turns - inside) * outside / ((inside + 1) * (turns_before - outside + 1))
    return min(1.0, total)


def _ln_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
