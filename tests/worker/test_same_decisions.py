"""The worker on the real broker and `rehearse` in memory decide alike, whatever the agents do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from misstep.testing import rehearse
from tests.worker.conftest import Site
from tests.worker.same_story import assert_same_story, by_case
from tests.worker.score import Order, score

CASES_A_BATCH = 48
BATCHES = 3

Script = dict[str, list[str]]

# No "late": it sleeps in a plain function, which a virtual clock does not see.
STEPS = {
    "read": {"ok": 12, "rubric_fail": 6, "undeclared": 1, "bug": 1, "exit": 1, "none": 1, "big": 1, "bad_output": 1},
    "reread": {"ok": 3, "rubric_fail": 1},
    "price": {"model_down": 12, "ok": 3, "earlier": 3, "nap": 3, "slow": 1},
    "finish": {"ok": 3, "nap": 1, "rubric_fail": 1},
}
"""What an agent may do, and how often."""
ATTEMPTS_MAX = 4


def a_script(random: Random) -> Script:
    """What each agent does at its first, second ... attempt."""
    return {
        agent: random.choices(list(steps), list(steps.values()), k=random.randint(1, ATTEMPTS_MAX))
        for agent, steps in STEPS.items()
        if random.random() < 0.9
    }


@dataclass
class Stage:
    """A site whose worker runs all the while."""

    site: Site = field(repr=False)
    batches: int = 0
    ids: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def stage(make_module_site: Callable[[str], Site]) -> Iterator[Stage]:
    site = make_module_site("work")
    with site.hosting():
        yield Stage(site)


@settings(
    max_examples=BATCHES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # every example is a run on the broker: a failing batch is shown, not shrunk
    suppress_health_check=list(HealthCheck),
)
@given(random=st.randoms(use_true_random=True))
def test_a_rehearsal_decides_as_the_worker_does(stage: Stage, random: Random) -> None:
    site, prefix = stage.site, f"batch{stage.batches}"
    stage.batches += 1
    orders = [Order(number=number, script=a_script(random)) for number in range(CASES_A_BATCH)]
    stage.ids |= site.publish(orders, prefix=prefix)
    site.wait_for_outcomes(len(stage.ids), 60)
    log = site.check(stage.ids)
    turns = by_case(log, leaving_out=[site.topics.cases, site.topics.dlq])
    letters = {seen.text("dlq_caseid"): seen for seen in log[site.topics.dlq]}
    for order in orders:
        case_id = f"{prefix}-{order.number}"
        story = rehearse(score, order, case_id=case_id)
        assert_same_story(story, turns[case_id], order.script)
        assert [letter.value for letter in story.dead_letters] == [
            letter.value for letter in ([letters[case_id]] if case_id in letters else [])
        ], order.script
