"""A marked case is stopped by the agent that holds it; a paused agent stands still."""

from pathlib import Path
from typing import Literal

import orjson

from misstep.bus.marks import mark_case, pause_agent, resume_agent
from misstep.contracts.control import Mark, Pause
from tests.joins.survey import Ask
from tests.undo.trip import Wish, journal
from tests.worker import oracle
from tests.worker.conftest import Site, until

AT = "2026-01-01T00:00:00.000Z"


def mark(site: Site, case: str, action: Literal["cancel", "kill"]) -> None:
    said = Mark(action=action, actor="ann", reason="sent by mistake", at=AT)
    mark_case(site.kafka, site.namespace, site.plan.workflow, case, 0, said)


def outcomes(site: Site, log: dict[str, list[oracle.Seen]]) -> dict[str, dict[str, str]]:
    return {seen.text("ce_subject"): orjson.loads(seen.value or b"") for seen in log[site.topics.outcomes]}


def test_a_cancelled_case_is_stopped_undone_and_ends_cancelled(site: Site, journal_file: Path) -> None:
    ids = site.publish([Wish(number=n) for n in range(4)])
    with site.hosting(agents=["hold_seat", "hold_room"]):
        oracle.wait_for(site.kafka, site.topics.agent("hold_room"), 4, 60)
    mark(site, "case-1", "cancel")
    mark(site, "case-2", "kill")
    with site.hosting():
        site.wait_for_outcomes(4)
    log = site.check(ids)
    ended = outcomes(site, log)
    assert {case: one["outcome"] for case, one in ended.items()} == {
        "case-0": "completed",
        "case-1": "cancelled",
        "case-2": "cancelled",
        "case-3": "completed",
    }
    assert "cancelled by ann: sent by mistake" in ended["case-1"]["detail"]
    effects = [(line["what"], line["step"]) for line in journal(journal_file) if line["case"] == "case-1"]
    assert effects == [("do", "hold_seat"), ("do", "hold_room"), ("undo", "hold_room"), ("undo", "hold_seat")]
    killed = [(line["what"], line["step"]) for line in journal(journal_file) if line["case"] == "case-2"]
    assert killed == [("do", "hold_seat"), ("do", "hold_room")]
    (stop,) = [seen for seen in log[site.topics.failed("hold_car")] if seen.text("ce_subject") == "case-1"]
    assert (stop.text("ce_failurereason"), stop.text("ce_route")) == ("ok", "compensate")
    assert (stop.text("ce_agent"), stop.text("ce_authority")) == ("hold_car", "operator")


def test_a_mark_that_comes_while_the_case_runs_lets_the_running_turn_end(site: Site, journal_file: Path) -> None:
    ids = site.publish([Wish(number=1, script={"pay": ["nap"]})])
    with site.hosting():
        oracle.wait_for(site.kafka, site.topics.agent("hold_car"), 1, 60)
        mark(site, "case-1", "cancel")
        site.wait_for_outcomes(1)
    log = site.check(ids)
    assert outcomes(site, log)["case-1"]["outcome"] in ("completed", "cancelled")


def test_a_cancelled_case_on_two_branches_ends_once_at_its_join(forked: Site, journal_file: Path) -> None:
    ids = forked.publish([Ask(number=n) for n in range(3)])
    with forked.hosting(agents=["open_file", "ask_left"]):
        oracle.wait_for(forked.kafka, forked.topics.agent("ask_left"), 3, 60)
    mark(forked, "case-1", "cancel")
    mark(forked, "case-2", "kill")
    with forked.hosting():
        forked.wait_for_outcomes(3)
    log = forked.check(ids)
    assert {case: one["outcome"] for case, one in outcomes(forked, log).items()} == {
        "case-0": "completed",
        "case-1": "cancelled",
        "case-2": "cancelled",
    }
    undone = [line["step"] for line in journal(journal_file) if line["case"] == "case-1" and line["what"] == "undo"]
    assert undone == ["ask_left", "open_file"]


def test_a_paused_agent_stands_still_and_goes_on_when_resumed(site: Site, journal_file: Path) -> None:
    pause = Pause(actor="ann", reason="the month is closed", at=AT)
    pause_agent(site.kafka, site.namespace, "trip", "hold_car", pause)
    ids = site.publish([Wish(number=n) for n in range(5)])
    with site.hosting() as worker:
        oracle.wait_for(site.kafka, site.topics.agent("hold_room"), 5, 60)
        (reader,) = [reader for reader in worker._readers if reader.name == "hold_car"]
        assert until(lambda: bool(reader.held_because))
        assert oracle.read_all(site.kafka, [site.topics.agent("hold_car")]) == []
        resume_agent(site.kafka, site.namespace, "trip", "hold_car", actor="ann", reason="open again")
        site.wait_for_outcomes(5)
    site.check(ids)
