"""What one worker makes of good and bad turns, on the real broker. All cases run at once; each test looks at one."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson
import pytest

from misstep.contracts.event import Headers
from misstep.testing.rehearse import rehearse
from tests.worker.conftest import Site
from tests.worker.oracle import Seen
from tests.worker.same_story import assert_same_story, by_case
from tests.worker.score import Order, score

SCRIPTS: dict[str, dict[str, list[str]]] = {
    "all goes well": {},
    "fallback": {"read": ["rubric_fail"]},
    "both readers fail": {"read": ["rubric_fail"], "reread": ["rubric_fail"]},
    "a bug": {"read": ["bug"]},
    "an exit": {"read": ["exit"]},
    "an undeclared reason": {"read": ["undeclared"]},
    "no result": {"read": ["none"]},
    "an output that breaks its contract": {"read": ["bad_output"]},
    "an output too large": {"read": ["big"]},
    "a late plain agent": {"read": ["late"]},
    "a slow async agent": {"price": ["slow"]},
    "slow once": {"price": ["slow", "ok"]},
    "the model is down twice": {"price": ["model_down", "model_down", "ok"]},
    "the model stays down": {"price": ["model_down"]},
    "an earlier version": {"price": ["earlier"]},
    "rejected at the end": {"finish": ["rubric_fail"]},
}
NUMBERS = {name: number for number, name in enumerate(SCRIPTS)}


@dataclass
class Log:
    """Everything that the run wrote, by case."""

    site: Site
    by_topic: dict[str, list[Seen]]

    def turns(self, name: str) -> list[Seen]:
        """The case's state versions in order, outcome included."""
        return self.of_case(f"case-{NUMBERS[name]}")

    def of_case(self, case_id: str) -> list[Seen]:
        topics = self.site.topics
        return by_case(self.by_topic, leaving_out=[topics.dlq, topics.cases])[case_id]

    def letter(self, case_id: str) -> Seen:
        (found,) = [seen for seen in self.by_topic[self.site.topics.dlq] if seen.text("dlq_caseid") == case_id]
        return found


@pytest.fixture(scope="module")
def log(make_module_site: Callable[[str], Site]) -> Log:
    site = make_module_site("work")
    orders = [Order(number=number, script=SCRIPTS[name]) for name, number in NUMBERS.items()]
    ids = site.publish(orders)
    site.publish(orders[:1])  # the same id again: runs once
    for case_id, value, headers in ODD:
        site.publish_raw(value, case_id.encode() if case_id else None, headers)
    raw_ids = {case_id for case_id, _, _ in ODD if case_id}
    with site.hosting():
        site.wait_for_outcomes(len(ids) + len(ODD), 40)
    unkeyed = {f"unkeyed-{seen.partition}-{seen.offset}" for seen in read_cases(site) if not seen.key}
    broken = frozenset({"bad version", "half headers", "version skips"})
    return Log(site, site.check(ids | raw_ids | unkeyed, born_broken=broken))


def read_cases(site: Site) -> list[Seen]:
    from tests.worker.oracle import read_all

    return read_all(site.kafka, [site.topics.cases])


GOOD = b'{"number": 7}'
ODD: list[tuple[str, bytes | None, Headers]] = [
    ("bare", GOOD, []),
    ("poison", b"\xff\xfe\x00 no json", []),
    ("no value", None, []),
    ("empty", b"", []),
    ("wrong type", b'{"number": "seven"}', []),
    ("constraint", b'{"number": -1}', []),
    ("not avro", b"\xc3\x01" + b"12345678" + b"rest", []),
    ("truncated avro", b"\xc3\x01\x01", []),
    ("other contract", GOOD, [("ce_dataschema", b"urn:misstep:t.other:1.0:" + b"0" * 64)]),
    ("unknown sha", GOOD, [("ce_dataschema", b"urn:misstep:t.order:1.0:" + b"0" * 64)]),
    ("bad version", GOOD, [("ce_stateversion", b"one")]),
    ("half headers", GOOD, [("ce_stateversion", b"3")]),
    (
        "version skips",
        GOOD,
        [
            ("ce_stateversion", b"2"),
            ("ce_epoch", b"0"),
            ("ce_agent", b"cases"),
            ("ce_failurereason", b"ok"),
            ("ce_route", b"next"),
            ("ce_history", b'[["cases",0,0,0,"ok"]]'),
            ("ce_hash", b"00"),
        ],
    ),
    ("zażółć ✓", GOOD, []),
    ("", GOOD, []),
]


def outcome_of(turns: list[Seen]) -> tuple[str, str]:
    body = orjson.loads(turns[-1].value or b"")
    return body["outcome"], body["failure_reason"]


EXPECTED = {
    "all goes well": (["read", "price", "finish"], ("completed", "ok")),
    "fallback": (["read", "reread", "price", "finish"], ("completed", "ok")),
    "both readers fail": (["read", "reread"], ("escalated", "rubric_fail")),
    "a bug": (["read"], ("dead_lettered", "agent_fault")),
    "an exit": (["read"], ("dead_lettered", "agent_fault")),
    "an undeclared reason": (["read"], ("dead_lettered", "agent_fault")),
    "no result": (["read"], ("dead_lettered", "schema_invalid")),
    "an output that breaks its contract": (["read"], ("dead_lettered", "schema_invalid")),
    "an output too large": (["read"], ("dead_lettered", "schema_invalid")),
    "a late plain agent": (["read", "reread", "price", "finish"], ("completed", "ok")),
    "a slow async agent": (["read", "price"], ("dead_lettered", "latency_blow")),
    "slow once": (["read", "price", "finish"], ("completed", "ok")),
    "the model is down twice": (["read", "price", "finish"], ("completed", "ok")),
    "the model stays down": (["read", "price", "finish"], ("completed", "ok")),
    "an earlier version": (["read", "price", "finish"], ("completed", "ok")),
    "rejected at the end": (["read", "price", "finish"], ("escalated", "rubric_fail")),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_case_takes_the_declared_way(log: Log, name: str) -> None:
    turns = log.turns(name)
    assert [seen.text("ce_agent") for seen in turns[:-1]] == EXPECTED[name][0]
    assert outcome_of(turns) == EXPECTED[name][1]


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name not in ("a late plain agent",)])
def test_a_rehearsal_tells_the_same_story(log: Log, name: str) -> None:
    """The worker and `rehearse` share their decisions: same path, same reasons, same attempts, same waits."""
    number = NUMBERS[name]
    story = rehearse(score, Order(number=number, script=SCRIPTS[name]), case_id=f"case-{number}")
    assert_same_story(story, log.turns(name))


@pytest.mark.parametrize(
    ("case_id", "check"),
    [
        ("poison", "schema: "),
        ("no value", "schema: there is no value"),
        ("empty", "schema: the value is empty"),
        ("wrong type", "schema: "),
        ("constraint", "constraints: "),
        ("not avro", "schema: unknown Avro fingerprint"),
        ("truncated avro", "schema: neither JSON nor Avro"),
        ("other contract", "schema: t.other@1.0 is not what is accepted here"),
        ("unknown sha", "schema: unknown contract t.order@1.0"),
        ("bad version", "schema: header ce_stateversion is 'one', not a number"),
        ("half headers", "schema: header ce_epoch is missing"),
        ("version skips", "version: it says version 2, its history says 1"),
    ],
)
def test_input_that_cannot_be_read_is_a_named_failure_with_the_case_accounted_for(
    log: Log, case_id: str, check: str
) -> None:
    first, outcome = log.of_case(case_id)
    assert first.text("ce_failurereason") == "schema_invalid"
    assert first.text("ce_failuredetail").startswith(check)
    assert orjson.loads(first.headers["ce_evidence"])["stage"] == "input"
    assert outcome_of([outcome]) == ("dead_lettered", "schema_invalid")
    letter = log.letter(case_id)
    (original,) = [seen for seen in log.by_topic[log.site.topics.cases] if seen.key == case_id.encode()]
    assert (letter.key, letter.value) == (original.key, original.value)
    assert {name: value for name, value in letter.headers.items() if not name.startswith("dlq_")} == original.headers
    assert letter.text("dlq_reason") == "schema_invalid"
    assert letter.text("dlq_topic") == log.site.topics.cases
    assert int(letter.text("dlq_offset")) == original.offset
    assert len(letter.text("dlq_fingerprint")) == 16


@pytest.mark.parametrize("case_id", ["bare", "zażółć ✓"])
def test_a_bare_value_under_any_key_runs(log: Log, case_id: str) -> None:
    assert outcome_of(log.of_case(case_id)) == ("completed", "ok")


def test_a_case_without_an_id_is_named_by_where_it_stands(log: Log) -> None:
    (unkeyed,) = [seen for seen in log.by_topic[log.site.topics.cases] if not seen.key]
    assert outcome_of(log.of_case(f"unkeyed-{unkeyed.partition}-{unkeyed.offset}")) == ("completed", "ok")


def test_a_case_published_twice_runs_once(log: Log) -> None:
    published = [seen for seen in log.by_topic[log.site.topics.cases] if seen.key == b"case-0"]
    assert len(published) == 2
    assert len(log.of_case("case-0")) == 4


def test_the_fallback_is_given_what_its_predecessor_was_given(log: Log) -> None:
    failed, reread = log.turns("fallback")[:2]
    (case,) = [seen for seen in log.by_topic[log.site.topics.cases] if seen.key == failed.key]
    assert failed.value == case.value
    assert failed.text("ce_route") == "to:reread"
    assert (failed.text("ce_handoffs"), reread.text("ce_handoffs")) == ("1", "1")


def test_an_escalation_carries_what_a_person_needs(log: Log) -> None:
    escalated = log.turns("both readers fail")[1]
    body = orjson.loads(escalated.value or b"")
    assert escalated.text("ce_type") == "misstep.escalated"
    assert body["agent"] == "reread"
    assert body["reason"] == "rubric_fail"
    assert body["payload"]["number"] == NUMBERS["both readers fail"]


def test_a_degraded_version_is_ok_and_says_why(log: Log) -> None:
    priced = log.turns("the model stays down")[1]
    assert priced.text("ce_failurereason") == "ok"
    assert priced.text("ce_degraded") == "model_down"
    assert priced.text("ce_route") == "degrade"
    assert priced.text("ce_attempts") == "3"
    assert orjson.loads(priced.value or b"")["by"] == "default"


def test_an_earlier_version_is_read_back(log: Log) -> None:
    assert orjson.loads(log.turns("an earlier version")[1].value or b"")["by"] == "earlier"


def test_a_bug_names_file_line_and_owner(log: Log) -> None:
    (failed, _) = log.turns("a bug")
    assert failed.text("ce_failuredetail").startswith("KeyError: 'missing' (at score.py:")
    assert orjson.loads(failed.headers["ce_evidence"])["exception"] == "KeyError"


def test_an_output_that_breaks_its_contract_names_the_field(log: Log) -> None:
    (failed, _) = log.turns("an output that breaks its contract")
    assert "number" in orjson.loads(failed.headers["ce_evidence"])["fields"]
    assert failed.text("ce_failuredetail").startswith("output: Read breaks its contract")


def test_a_note_stands_in_the_event(log: Log) -> None:
    read = log.turns("all goes well")[0]
    assert (read.text("ce_justification"), read.text("ce_tokens")) == ("read it", "3")
    assert orjson.loads(read.headers["ce_evidence"]) == {"number": 0}
