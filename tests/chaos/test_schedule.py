"""What is drawn from a seed is drawn again from it."""

import random

from misstep.testing.chaos import mixed
from tests.chaos.faults.all import FAULTS, named


def test_the_same_seed_plans_the_same_faults() -> None:
    assert mixed(FAULTS, 600, "7/mixed") == mixed(FAULTS, 600, "7/mixed")
    assert mixed(FAULTS, 600, "7/mixed") != mixed(FAULTS, 600, "8/mixed")


def test_a_long_plan_has_every_fault_and_stays_in_its_time() -> None:
    plan = mixed(FAULTS, 600, "7/mixed")
    assert {one.fault for one in plan} == set(FAULTS)
    assert max(one.end_s for one in plan) <= 600
    assert all(one.begin_s < one.end_s for one in plan)


def test_two_faults_that_touch_the_same_are_never_at_once() -> None:
    for seed in range(20):
        plan = mixed(FAULTS, 300, str(seed))
        for index, one in enumerate(plan):
            beside = [other for other in plan[:index] if other.end_s > one.begin_s]
            assert len(beside) <= 1
            assert not any(other.fault.touches & one.fault.touches for other in beside)


def test_faults_have_names_of_their_own() -> None:
    fault = random.Random(1).choice(FAULTS)
    assert named(fault.name) is fault
    assert len({one.name for one in FAULTS}) == len(FAULTS)
