"""How the tests look for what they have planted."""

from collections.abc import Iterable

from misstep import Choreography, Wiring
from misstep.saga.finding import Finding
from misstep.saga.matrix_check import check_score


def errors(score: Choreography, wiring: Wiring | None = None) -> list[Finding]:
    return [finding for finding in check_score(score, wiring) if finding.level == "error"]


def warnings(score: Choreography, wiring: Wiring | None = None) -> list[Finding]:
    return [finding for finding in check_score(score, wiring) if finding.level == "warning"]


def the_one(findings: Iterable[Finding], agent: str = "", reason: str = "") -> str:
    """The message of the one finding, which is about this agent and this reason and is one sentence."""
    (finding,) = findings
    assert (finding.agent, finding.reason) == (agent, reason), finding
    assert finding.where
    assert finding.message.endswith(".")
    assert "\n" not in finding.message
    return finding.message
