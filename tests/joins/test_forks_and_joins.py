"""A fork meets again in a join: one turn for all halves, one history, one ending."""

from collections.abc import Mapping
from pathlib import Path

import orjson

from tests.joins.survey import Ask
from tests.undo.trip import journal
from tests.worker.conftest import Site, until
from tests.worker.oracle import Seen


def outcome(log: Mapping[str, list[Seen]], site: Site, case: str) -> dict[str, str]:
    (found,) = [seen for seen in log[site.topics.outcomes] if seen.text("ce_subject") == case]
    return dict(orjson.loads(found.value or b""))


def undone(path: Path, case: str) -> list[str]:
    return [line["step"] for line in journal(path) if line["case"] == case and line["what"] == "undo"]


def test_halves_that_meet_are_one_turn_with_one_history(site: Site, journal_file: Path) -> None:
    ids = site.publish([Ask(number=n) for n in range(30)])
    with site.hosting():
        site.wait_for_outcomes(30)
    log = site.check(ids)
    assert {outcome(log, site, case)["outcome"] for case in ids} == {"completed"}
    closed = {seen.text("ce_subject"): orjson.loads(seen.value or b"") for seen in log[site.topics.agent("close_file")]}
    assert closed == {f"case-{n}": {"total": 2 * n} for n in range(30)}
    met = log[site.topics.agent("put_together")][0]
    names = [(name, version) for name, version, *_ in orjson.loads(met.headers["ce_history"])]
    assert names == [
        ("cases", 0),
        ("open_file", 1),
        ("ask_left", 2),
        ("ask_middle", 2),
        ("ask_right", 3),
    ]
    assert met.text("ce_stateversion") == "4"


def test_a_branch_may_hand_over_and_the_join_sees_who_answered(site: Site, journal_file: Path) -> None:
    ids = site.publish([Ask(number=1, script={"ask_left": ["rubric_fail"]})])
    with site.hosting():
        site.wait_for_outcomes(1)
    log = site.check(ids)
    assert outcome(log, site, "case-1")["outcome"] == "completed"
    assert orjson.loads(log[site.topics.agent("put_together")][0].value or b"")["by"] == "again"


def test_a_branch_that_fails_is_held_until_the_other_has_come_and_both_are_undone(
    site: Site, journal_file: Path
) -> None:
    ids = site.publish([Ask(number=1, script={"ask_left": ["compliance_fail"], "ask_right": ["nap"]})])
    with site.hosting():
        site.wait_for_outcomes(1)
    log = site.check(ids)
    ended = outcome(log, site, "case-1")
    assert (ended["outcome"], ended["failure_reason"], ended["agent"]) == (
        "compensated",
        "compliance_fail",
        "put_together",
    )
    assert undone(journal_file, "case-1") == ["ask_left", "ask_right", "open_file"]


def test_when_both_branches_fail_the_first_decides_and_the_other_is_evidence(site: Site, journal_file: Path) -> None:
    script = {"ask_left": ["compliance_fail"], "ask_right": ["model_down"]}
    ids = site.publish([Ask(number=1, script=script)])
    with site.hosting():
        site.wait_for_outcomes(1)
    log = site.check(ids)
    (met,) = log[site.topics.failed("put_together")]
    evidence = orjson.loads(met.headers["ce_evidence"])
    assert met.text("ce_failurereason") == "compliance_fail"
    assert evidence["failed_in"] == ["ask_left", "ask_right"]
    assert evidence["others"] == {"ask_right": "model_down: the right does not answer"}
    assert outcome(log, site, "case-1")["outcome"] == "compensated"
    assert log[site.topics.dlq] == []


def test_a_dead_letter_of_a_branch_ends_the_case_once_at_the_join(site: Site, journal_file: Path) -> None:
    ids = site.publish([Ask(number=1, script={"ask_right": ["model_down"]})])
    with site.hosting():
        site.wait_for_outcomes(1)
    log = site.check(ids)
    assert outcome(log, site, "case-1") | {"detail": ""} == {
        "outcome": "dead_lettered",
        "failure_reason": "model_down",
        "agent": "ask_right",
        "detail": "",
    }
    (letter,) = log[site.topics.dlq]
    assert letter.text("dlq_agent") == "ask_right"


def test_what_a_join_itself_says_goes_its_own_way(site: Site, journal_file: Path) -> None:
    ids = site.publish(
        [
            Ask(number=1, script={"put_together": ["invariant_broken"]}),
            Ask(number=2, script={"put_together": ["model_down", "ok"]}),
            Ask(number=3, script={"put_together": ["bug"]}),
            Ask(number=4, script={"close_file": ["compliance_fail"]}),
        ]
    )
    with site.hosting():
        site.wait_for_outcomes(4)
    log = site.check(ids)
    assert [outcome(log, site, f"case-{n}")["outcome"] for n in range(1, 5)] == [
        "compensated",
        "completed",
        "dead_lettered",
        "compensated",
    ]
    assert undone(journal_file, "case-1") == ["ask_right", "ask_left", "open_file"]
    assert undone(journal_file, "case-4") == ["close_file", "ask_right", "ask_left", "open_file"]


def test_halves_that_wait_survive_a_restart_and_a_change_of_owner(site: Site, journal_file: Path) -> None:
    ids = site.publish([Ask(number=n) for n in range(40)])
    first = [name for name in site.agents if name not in ("ask_middle", "ask_right", "close_file")]
    with site.hosting(agents=first):
        site_waits(site, "put_together", 40)
    with site.hosting(agents=first, slot="other-0") as other:
        assert until(lambda: all(reader.assigned for reader in other._readers))
    with site.hosting(slot="third-0"):
        site.wait_for_outcomes(40)
    log = site.check(ids)
    assert {outcome(log, site, case)["outcome"] for case in ids} == {"completed"}


def site_waits(site: Site, join: str, count: int) -> None:
    """Until so many halves are parked."""
    from tests.worker import oracle

    assert len(oracle.wait_for(site.kafka, site.topics.parked(join), count, 60)) >= count
