"""Replays that die, meet each other, or find that too many fail again: each letter is sent once, or not at all."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable

import pytest

from tests.dlq.conftest import Shop, by, unique, until
from tests.dlq.dying import start

SEED = 7
DOWN_ONCE = {"script": {"weigh": ["model_down"]}}
DOWN_TWICE = {"script": {"weigh": ["model_down", "model_down"]}}


def sent_once(shop: Shop, cases: list[str]) -> None:
    """Each case has one event in the inbox, one record of the action, and one outcome of its second life."""
    shop.ends("completed", *cases, epoch=1)
    assert Counter(one.text("ce_subject") for one in shop.inbox("weigh", *cases)) == dict.fromkeys(cases, 1)
    assert Counter(one["case_id"] for one in shop.ops("redrive") if one["case_id"] in cases) == dict.fromkeys(cases, 1)


def test_a_replay_that_is_killed_anywhere_goes_on_and_sends_nothing_twice(shop: Shop) -> None:
    cases = unique(*(f"kill{number}" for number in range(16)))
    shop.publish(**{case: {"number": 1, **DOWN_ONCE} for case in cases})
    plan = shop.plan(*shop.letters(*cases))
    arguments = ["redrive", "replay", plan, *by("ann"), "--canary", "2", "--rate", "30/s"]
    chance = random.Random(SEED)
    for seam in ("claimed", "before_commit", "after_commit", "noted"):
        assert start(shop, f"{seam}:{chance.randint(1, 2)}", *arguments).wait() == -signal.SIGKILL
    done = shop.json(*arguments)
    assert done["left"] == 0
    assert done["stopped"] == ""
    sent_once(shop, cases)
    counts = shop.json("redrive", "show", plan)["counts"]
    assert (counts["sent"], counts["went_well"], counts["left"]) == (16, 16, 0)
    for number in shop.letters(*cases):
        assert len(shop.json("dlq", "show", number)["trail"]) == 1


def test_what_was_sent_by_a_replay_that_was_cut_off_is_found_again(shop: Shop) -> None:
    (case,) = unique("found")
    shop.publish(**{case: {"number": 1, **DOWN_ONCE}})
    (letter,) = shop.letters(case)
    plan = shop.plan(letter)
    assert start(shop, "after_commit:1", "redrive", "replay", plan, *by("bob")).wait() == -signal.SIGKILL
    assert shop.json("dlq", "show", letter)["trail"] == []
    done = shop.replay(plan)
    assert (done["recovered"], done["sent"]) == (1, 0)
    (step,) = shop.json("dlq", "show", letter)["trail"]
    assert step["by"] == "bob", "the trail names who sent it, not who found it"
    sent_once(shop, [case])


def test_a_canary_that_fails_again_stops_the_replay(shop: Shop) -> None:
    cases = unique(*(f"canary{number}" for number in range(6)))
    shop.publish(**{case: {"number": 1, **DOWN_TWICE} for case in cases})
    plan = shop.plan(*shop.letters(*cases))
    done = shop.replay(plan, "--canary", "2", code=1)
    assert (done["sent"], done["failed_again"], done["left"]) == (2, 2, 4)
    assert done["stopped"] == "2 of 2 letters sent failed again, more than 10%"
    assert {one["reason"] for one in done["failures"]} == {"model_down"}
    assert len(shop.inbox("weigh", *cases)) == 2
    assert "Stopped: 2 of 2" in shop("redrive", "show", plan).out
    rest = shop.replay(plan, "--abort-over", "100%", code=1)
    assert (rest["sent"], rest["failed_again"], rest["left"], rest["stopped"]) == (4, 4, 0, "")
    shop.ends("dead_lettered", *cases, epoch=1)


def test_the_rest_is_paced(shop: Shop) -> None:
    cases = unique(*(f"pace{number}" for number in range(5)))
    shop.publish(**{case: {"number": 1, **DOWN_ONCE} for case in cases})
    plan = shop.plan(*shop.letters(*cases))
    shop.replay(plan, "--canary", "1", "--rate", "10/s")
    at = sorted(one.timestamp_ms for one in shop.inbox("weigh", *cases)[1:])
    assert at[-1] - at[0] >= 200, "four letters at ten a second"


def test_when_nobody_answers_the_replay_stops_and_says_so(shop: Shop) -> None:
    (case,) = unique("slow")
    shop.publish(**{case: {"number": 1, "script": {"book": ["model_down", "slow"]}}})
    (letter,) = shop.letters(case)
    plan = shop.plan(letter)
    done = shop.replay(plan, "--patience", "300ms", code=1)
    assert done["stopped"] == "1 letters sent have had no answer for 0.3 s: does book run?"
    assert done["unanswered"] == 1
    shop.ends("completed", case, epoch=1)
    assert shop.replay(plan)["stopped"] == ""
    assert shop.json("redrive", "show", plan)["counts"]["went_well"] == 1


def test_of_two_plans_with_the_same_letters_each_letter_goes_through_one(shop: Shop) -> None:
    cases = unique(*(f"two{number}" for number in range(6)))
    shop.publish(**{case: {"number": 1, **DOWN_ONCE} for case in cases})
    letters = shop.letters(*cases)
    plans = [shop.plan(*letters), shop.plan(*letters)]
    first = start(shop, "never:1", "redrive", "replay", plans[0], *by("ann"), "--canary", "1", "--rate", "20/s")
    second = shop("redrive", "replay", plans[1], *by("bob"), "--canary", "1", "--rate", "20/s", "--json")
    codes = {first.wait(), second.code}
    sent_once(shop, cases)
    assert 1 in codes
    counts = [shop.json("redrive", "show", plan)["counts"] for plan in plans]
    assert counts[0]["sent"] + counts[1]["sent"] == 6
    assert counts[0]["refused"] + counts[1]["refused"] == 6
    refused = [one["said"] for plan in plans for one in shop.json("redrive", "show", plan)["letters"] if one["said"]]
    assert all(one.startswith("its case is brought back already: by ") for one in refused)
    assert all(one in ("ann", "bob") for one in {said.split()[7] for said in refused})


def test_a_plan_is_replayed_by_one_at_a_time(shop: Shop) -> None:
    (case,) = unique("alone")
    shop.publish(**{case: {"number": 1, **DOWN_ONCE}})
    (letter,) = shop.letters(case)
    plan = shop.plan(letter)
    other = shop.plan(letter)
    arguments = ["redrive", "replay", plan, *by("ann")]
    first = start(shop, "before_commit:1:stop", *arguments)
    try:
        until(lambda: bool(shop.rows("SELECT FROM case_returns WHERE plan = %s", plan)), "it did not claim its letter")
        assert f"Plan {plan} is being replayed by ann since 2" in shop.refused(*arguments)
        assert "is being replayed by ann" in shop.refused("redrive", "abandon", plan, *by("bob"))
        refused = shop.replay(other, code=1)["refusals"]
        assert refused[0]["why"].startswith("its case is brought back already: by ann at 2")
        assert "ann is sending it back" in shop("dlq", "discard", letter, *by("bob")).out
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert first.wait() == 0
    sent_once(shop, [case])


def test_an_abandoned_plan_frees_what_it_has_not_sent(shop: Shop) -> None:
    (case,) = unique("abandoned")
    shop.publish(**{case: {"number": 1, **DOWN_ONCE}})
    (letter,) = shop.letters(case)
    plan, other = shop.plan(letter), shop.plan(letter)
    assert start(shop, "before_commit:1", "redrive", "replay", plan, *by("ann")).wait() == -signal.SIGKILL
    assert shop.replay(other, code=1)["refused"] == 1
    assert shop.json("redrive", "abandon", plan, *by("bob")) == {"plan": plan, "sent": 0, "freed": 1}
    assert "was abandoned" in shop.refused("redrive", "replay", plan, *by("ann"))
    assert shop.replay(shop.plan(letter))["sent"] == 1
    sent_once(shop, [case])


@pytest.fixture(scope="module")
def mended(shop: Shop) -> str:
    """A plan with a repair that nobody replays."""
    (case,) = unique("stale")
    shop.publish(**{case: {"number": "one"}})
    return shop.plan(*shop.letters(case), "--repair", "number_from_text")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("contracts/parcels.py", "number: int = Field(ge=0)", "number: int = Field(ge=1)", "What weigh accepts has"),
        ("dlq/parcels.py", '"three": 3', '"three": 4', "The repair number_from_text has changed since plan"),
        ("dlq/parcels.py", "def number_from_text", "def another_name", "uses the repair number_from_text, which dlq/"),
        ("saga/parcels.py", "send, model_down=dead_letter", "send, model_down=escalate",
         "The score of parcels has changed since plan"),
    ],
)  # fmt: skip
def test_a_plan_that_no_longer_says_the_truth_is_refused(
    mended: str, changed: Callable[..., Shop], file: str, old: str, new: str, said: str
) -> None:
    refused = changed(file, old, new).refused("redrive", "replay", mended, *by("ann"))
    assert said in refused
    assert "make a new one with `misstep redrive plan`" in refused


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--namespace", "elsewhere"], 1, "is of namespace"),
        (["--rate", "fast"], 2, "--rate: rate 'fast' is none"),
        (["--abort-over", "half"], 2, "--abort-over 'half' is no share"),
        (["--abort-over", "200%"], 2, "--abort-over '200%' is no share"),
        (["--patience", "long"], 2, "--patience 'long' is not a duration"),
        (["--actor", " "], 2, "--actor is empty; say who"),
        (["--reason", "two\nlines"], 2, "--reason holds control characters"),
        (["--reason", "x" * 2_000], 2, "--reason is 2,000 characters long"),
        (["--postgres", "postgresql://127.0.0.1:1/x"], 3, "Postgres at 127.0.0.1:1/x does not answer"),
    ],
)
def test_a_replay_that_cannot_be_is_one_sentence(
    shop: Shop, mended: str, arguments: list[str], code: int, said: str
) -> None:
    assert said in shop.refused("redrive", "replay", mended, *by("ann"), *arguments, code=code)


def test_a_plan_that_is_none_is_one_sentence(shop: Shop) -> None:
    assert "'x' is no plan's name" in shop.refused("redrive", "replay", "x", *by("ann"), code=2)
    assert "There is no plan r00000000" in shop.refused("redrive", "show", "r00000000")
    assert "is meant by that" in shop.refused("redrive", "plan", "--case", "nobody")
    assert "is meant by that" in shop.refused("redrive", "plan", "--workflow", "parcels", "--case", "nobody")
