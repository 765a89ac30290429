"""A case is taken back: in reverse order, each step once in effect, one outcome, whatever fails on the way."""

from collections.abc import Mapping
from pathlib import Path

import orjson

from misstep.contracts.event import OUTCOMES
from tests.undo.trip import Wish, journal
from tests.worker.conftest import Site
from tests.worker.oracle import Seen

STEPS = ["hold_seat", "hold_room", "hold_car", "pay"]


def undo_story(log: Mapping[str, list[Seen]], site: Site, case: str) -> list[tuple[str, str, str]]:
    """The case's events in the undo topic, by version: (agent, reason, route)."""
    mine = [seen for seen in log[site.topics.undo] if seen.text("ce_subject") == case]
    return [
        (seen.text("ce_agent"), seen.text("ce_failurereason"), seen.text("ce_route"))
        for seen in sorted(mine, key=lambda seen: int(seen.text("ce_stateversion")))
    ]


def outcome(log: Mapping[str, list[Seen]], site: Site, case: str) -> dict[str, str]:
    """The payload of the case's outcome."""
    (found,) = [seen for seen in log[site.topics.outcomes] if seen.text("ce_subject") == case]
    assert found.text("ce_agent") == OUTCOMES
    return dict(orjson.loads(found.value or b""))


def effects(path: Path, case: str) -> list[tuple[str, str]]:
    return [(line["what"], line["step"]) for line in journal(path) if line["case"] == case]


def test_a_failed_case_is_taken_back_in_reverse_order_and_has_one_outcome(site: Site, journal_file: Path) -> None:
    ids = site.publish([Wish(number=1), Wish(number=2, script={"pay": ["refused"]})])
    with site.hosting():
        site.wait_for_outcomes(2)
    log = site.check(ids)
    assert outcome(log, site, "case-1")["outcome"] == "completed"
    assert outcome(log, site, "case-2") | {"detail": ""} == {
        "outcome": "compensated",
        "failure_reason": "compliance_fail",
        "agent": "pay",
        "detail": "",
    }
    assert undo_story(log, site, "case-2") == [
        ("undo", "ok", "undo:pay"),
        ("pay", "ok", "undo:hold_car"),
        ("hold_car", "ok", "undo:hold_room"),
        ("hold_room", "ok", "undo:hold_seat"),
        ("hold_seat", "ok", "end"),
    ]
    assert effects(journal_file, "case-1") == [("do", step) for step in STEPS]
    assert effects(journal_file, "case-2") == [
        *(("do", step) for step in STEPS[:3]),
        *(("undo", step) for step in reversed(STEPS)),
    ]


def test_an_undo_is_given_the_key_that_its_step_used(site: Site, journal_file: Path) -> None:
    site.publish([Wish(number=1, script={"pay": ["lost answer"]})])
    with site.hosting():
        site.wait_for_outcomes(1)
    keys: dict[str, set[str]] = {}
    for line in journal(journal_file):
        keys.setdefault(line["step"], set()).add(line["key"])
    assert {step: len(used) for step, used in keys.items()} == dict.fromkeys(STEPS, 1)


def test_an_undo_that_fails_for_good_is_loud_and_does_not_stop_the_others(site: Site, journal_file: Path) -> None:
    script = {"pay": ["refused"], "undo hold_car": ["raises"], "undo hold_room": ["raises", "ok"]}
    ids = site.publish([Wish(number=1, script=script)])
    with site.hosting():
        site.wait_for_outcomes(1)
    log = site.check(ids)
    assert undo_story(log, site, "case-1") == [
        ("undo", "ok", "undo:pay"),
        ("pay", "ok", "undo:hold_car"),
        ("hold_car", "undo_failed", "undo:hold_room"),
        ("hold_room", "ok", "undo:hold_seat"),
        ("hold_seat", "ok", "end"),
    ]
    ended = outcome(log, site, "case-1")
    assert ended["outcome"] == "partly_compensated"
    assert "hold_car (owner garage)" in ended["detail"]
    (letter,) = log[site.topics.dlq]
    assert letter.text("dlq_reason") == "undo_failed"
    assert letter.text("dlq_agent") == "hold_car"
    assert letter.text("dlq_attempts") == "2"
    assert ("undo", "hold_car") not in effects(journal_file, "case-1")
    assert effects(journal_file, "case-1")[-2:] == [("undo", "hold_room"), ("undo", "hold_seat")]


def test_an_undo_that_hangs_is_given_up_after_its_budget(site: Site, journal_file: Path) -> None:
    ids = site.publish([Wish(number=1, script={"pay": ["refused"], "undo hold_car": ["hangs", "hangs"]})])
    with site.hosting():
        site.wait_for_outcomes(1)
    log = site.check(ids)
    assert outcome(log, site, "case-1")["outcome"] == "partly_compensated"
    assert "budget of 2000 ms" in outcome(log, site, "case-1")["detail"]


def test_large_values_are_read_back_instead_of_carried(site: Site, journal_file: Path) -> None:
    ids = site.publish([Wish(number=1, script={"pay": ["refused"]}, padding="x" * 50_000)])
    with site.hosting():
        site.wait_for_outcomes(1)
    log = site.check(ids)
    assert outcome(log, site, "case-1")["outcome"] == "compensated"
    assert all(len(seen.value or b"") < 20_000 for seen in log[site.topics.undo])


def test_undos_wait_for_a_coordinator_and_other_cases_do_not(site: Site, journal_file: Path) -> None:
    ids = site.publish([Wish(number=n, script={"pay": ["refused"]} if n % 2 else {}) for n in range(20)])
    with site.hosting(coordinate=False):
        site.wait_for_outcomes(10)
    with site.hosting(agents=[], slot="other-0"), site.hosting(coordinate=False):
        site.wait_for_outcomes(20)
    log = site.check(ids)
    ended = [outcome(log, site, case)["outcome"] for case in sorted(ids)]
    assert (ended.count("completed"), ended.count("compensated")) == (10, 10)


def test_an_undo_command_sent_twice_is_carried_out_once(site: Site, journal_file: Path) -> None:
    ids = site.publish([Wish(number=1, script={"pay": ["refused"]})])
    agents = list(site.plan.agents)
    with site.hosting(agents=agents):
        site.wait_for_outcomes(1)
    before = site.check(ids)[site.topics.undo]
    for command in before:
        headers = [(name, value) for name, value in command.headers.items() if name != "ce_carried"]
        site.publish_raw(command.value, command.key, headers, site.topics.undo)
    more = site.publish([Wish(number=2, script={"pay": ["refused"]})])
    with site.hosting(agents=agents):
        site.wait_for_outcomes(2)
    undone = [line["key"] for line in journal(journal_file) if line["what"] == "undo" and line["case"] in ids]
    assert len(undone) == len(set(undone)) == 4
    assert len(site.wait_for_outcomes(2)) == len(ids | more)
