"""Escalated cases wait for a person: shown, claimed, answered each way, once."""

import os
import signal
from pathlib import Path

import orjson
import pytest

from tests.dlq.conftest import Shop, by, unique, until
from tests.dlq.dying import start

UNSURE = {"script": {"weigh": ["rubric_fail"]}}
LABEL = {"script": {"send": ["rubric_fail"]}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file to write an answer into."""
    return tmp_path / "answer.json"


def escalated(shop: Shop, name: str, payload: dict[str, object]) -> str:
    """A case that waits for a person."""
    (case,) = unique(name)
    shop.publish(**{case: payload})
    shop.ends("escalated", case)
    return case


def operator_rows(shop: Shop, case: str) -> list[tuple[object, ...]]:
    return shop.rows(
        "SELECT epoch, state_version, route, evidence ->> 'how', justification FROM case_turns "
        "WHERE case_id = %s AND kind = 'operator' ORDER BY epoch, kafka_topic",
        case,
    )


def test_what_waits_is_listed_and_shown_masked(shop: Shop) -> None:
    case = escalated(shop, "shown", {"number": 3, "address": "Secret Lane 7", **UNSURE})
    (line,) = [one for one in shop.json("queue", "ls", "--agent", "weigh")["cases"] if one["case_id"] == case]
    assert (line["reason"], line["claimed_by"], line["epoch"]) == ("rubric_fail", None, 0)
    assert shop.json("queue", "ls", "--reason", "model_down")["cases"] == []
    said = shop.json("queue", "show", case)
    assert said["payload"] == {"number": 3, "address": "•••", **UNSURE}
    assert (said["accepts"], said["emits"]) == (["parcels.parcel@1.0"], ["parcels.weighed@1.0"])
    first, second = said["suggestions"]
    assert (first["contract"], first["way"], first["goes_to"]) == ("parcels.weighed@1.0", "behind", ["book"])
    assert "unfit" in second
    told = shop("queue", "show", case).out
    assert "Secret Lane" not in told
    assert f"misstep queue answer {case} --suggestion 1" in told
    assert case in shop("queue", "ls").out


def test_a_corrected_payload_is_given_to_the_agent_again(shop: Shop, file: Path) -> None:
    case = escalated(shop, "again", {"number": 3, "address": "Secret Lane 7", **UNSURE})
    file.write_text('{"number": 4, "address": "•••", "script": {}}')
    done = shop.json("queue", "answer", case, "--payload", str(file), *by("ann", "weighed by hand"))
    assert (done["epoch"], done["way"], done["goes_to"]) == (1, "again", ["weigh"])
    shop.ends("completed", case, epoch=1)
    (event,) = shop.inbox("weigh", case)
    assert orjson.loads(event.value or b"") == {"number": 4, "address": "Secret Lane 7", "script": {}}
    assert event.text("ce_idempotencykey") == f"parcels/{case}/0/1/weigh"
    assert operator_rows(shop, case) == [(1, 2, "next", "payload", "answered by ann: weighed by hand")]
    (op,) = [one for one in shop.ops("answer") if one["case_id"] == case]
    assert (op["actor"], op["how"], op["epoch"], op["goes_to"]) == ("ann", "payload", 1, ["weigh"])
    assert shop.json("why", case)["verified"]
    assert "answered by ann: weighed by hand" in shop("why", case).out


def test_a_suggestion_goes_on_behind_the_agent(shop: Shop) -> None:
    case = escalated(shop, "behind", {"number": 3, **UNSURE})
    told = shop("queue", "answer", case, "--suggestion", "1", *by("ann"))
    assert told.code == 0
    assert "goes on in epoch 1: it goes on behind weigh, to book" in told.out
    shop.ends("completed", case, epoch=1)
    (event,) = shop.inbox("book", case)
    assert orjson.loads(event.value or b"")["grams"] == 10
    assert "ce_idempotencykey" not in event.headers
    assert operator_rows(shop, case) == [(1, 2, "next", "suggestion 1", "answered by ann: the test says so")]


def test_an_answer_that_nobody_hears_completes_the_case(shop: Shop, file: Path) -> None:
    case = escalated(shop, "completes", {"number": 3, **LABEL})
    file.write_text('{"number": 3}')
    assert shop.json("queue", "answer", case, "--payload", str(file), *by("ann"))["way"] == "completes"
    shop.ends("completed", case, epoch=1)
    assert operator_rows(shop, case)[0][2] == "end"
    story = shop.json("why", case)
    assert story["verified"]
    assert [one["agent"] for one in story["versions"] if one["epoch"] == 1] == ["operator", "outcomes"]


def test_a_rejection_undoes_what_the_case_did(shop: Shop) -> None:
    case = escalated(shop, "rejected", {"number": 3, **LABEL})
    assert shop.json("queue", "answer", case, "--reject", *by("ann", "nobody wants it"))["way"] == "rejected"
    shop.ends("compensated", case, epoch=1)
    undone = shop.rows("SELECT agent, failure_reason::text FROM case_turns WHERE case_id = %s AND kind = 'undo' "
                       "ORDER BY state_version", case)  # fmt: skip
    assert undone == [("undo", "ok"), ("book", "ok")]
    assert operator_rows(shop, case) == [(1, 4, "compensate", "rejected", "rejected by ann: nobody wants it")]
    assert shop.json("why", case)["verified"]


def test_what_could_not_be_undone_is_a_letter_that_is_not_redriven(shop: Shop) -> None:
    case = escalated(shop, "stands", {"number": 3, "script": {"send": ["rubric_fail"], "unbook": ["fails"]}})
    shop.json("queue", "answer", case, "--reject", *by("ann"))
    shop.ends("partly_compensated", case, epoch=1)
    letter = str(shop.letter(case, 1))
    said = shop.json("dlq", "show", letter)
    assert (said["agent"], said["reason"]) == ("book", "undo_failed")
    assert said["next"][0].startswith(f"misstep why {case}")
    refused = shop.json("redrive", "plan", letter, code=1)["why_not"][0]["why"]
    assert refused.startswith("a failed undo is not redriven: undo the step by hand")
    assert shop.json("dlq", "ls", "--reason", "undo_failed", "--case", case)["count"] == 1
    assert shop.json("dlq", "discard", letter, *by("ann", "unbooked by telephone"))["discarded"] == [int(letter)]


def test_a_case_without_anything_to_undo_is_rejected_at_once(shop: Shop) -> None:
    case = escalated(shop, "nothing", {"number": 3, **UNSURE})
    shop.json("queue", "answer", case, "--reject", *by("ann"))
    shop.ends("compensated", case, epoch=1)
    assert shop.json("why", case)["verified"]


def test_one_of_two_answers_gets_through_and_the_other_is_told_whose(shop: Shop) -> None:
    case = escalated(shop, "two", {"number": 3, **UNSURE})
    first = start(shop, "before_commit:1:stop", "queue", "answer", case, "--suggestion", "1", *by("ann"))
    try:
        until(lambda: bool(shop.rows("SELECT FROM case_returns WHERE case_id = %s", case)), "it was not claimed")
        assert f"Case {case} is claimed by ann until 2" in shop.refused(
            "queue", "answer", case, "--suggestion", "1", *by("bob")
        )
        shop.json("queue", "claim", case, *by("bob"), "--steal")
        assert "is answering case" in shop.refused("queue", "answer", case, "--suggestion", "1", *by("bob"))
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert first.wait() == 0
    shop.ends("completed", case, epoch=1)
    assert "It was answered by ann at 2" in shop.refused("queue", "answer", case, "--suggestion", "1", *by("bob"))
    assert len(shop.inbox("book", case)) == 1


@pytest.mark.parametrize("seam", ["claimed", "before_commit", "after_commit"])
def test_an_answer_that_was_cut_off_is_given_again_and_counts_once(shop: Shop, seam: str) -> None:
    case = escalated(shop, "cut", {"number": 3, **UNSURE})
    arguments = ["queue", "answer", case, "--suggestion", "1"]
    assert start(shop, f"{seam}:1", *arguments, *by("ann")).wait() == -signal.SIGKILL
    if seam == "after_commit":
        refused = shop.refused(*arguments, *by("ann"))
        assert "answered by ann at 2" in refused
    else:
        shop.json(*arguments, *by("ann"))
    shop.ends("completed", case, epoch=1)
    assert len(shop.inbox("book", case)) == 1
    assert len([one for one in shop.ops("answer") if one["case_id"] == case]) == 1


def test_a_claim_holds_others_off_until_it_expires_or_is_stolen(shop: Shop) -> None:
    case = escalated(shop, "claimed", {"number": 3, **UNSURE})
    assert shop.json("queue", "claim", case, "--actor", "ann")["stolen_from"] is None
    assert shop.json("queue", "show", case)["claimed_by"] == "ann"
    assert "is claimed by ann until 2" in shop.refused("queue", "claim", case, "--actor", "bob")
    assert "is claimed by ann until 2" in shop.refused("queue", "answer", case, "--reject", *by("bob"))
    assert "--steal needs a --reason" in shop.refused("queue", "claim", case, "--actor", "bob", "--steal", code=2)
    assert shop.json("queue", "claim", case, *by("bob"), "--steal", "--for", "10ms")["stolen_from"] == "ann"
    said = shop.json("queue", "claim", case, "--actor", "cleo")
    assert (said["actor"], said["stolen_from"]) == ("cleo", None), "bob's claim had run out"
    assert [one["stolen_from"] for one in shop.ops("claim") if one["case_id"] == case] == [None, "ann", None]
    assert "is cleo's until" in shop("queue", "claim", case, "--actor", "cleo", "--for", "1h").out


def test_an_answer_that_fits_nothing_says_why_field_by_field(shop: Shop, file: Path) -> None:
    case = escalated(shop, "unfit", {"number": 3, **UNSURE})
    file.write_text('{"number": "many"}')
    said = shop.refused("queue", "answer", case, "--payload", str(file), *by("ann"))
    assert "The answer fits nothing that weigh accepts or emits: as parcels.parcel@1.0: number: " in said
    assert "as parcels.weighed@1.0: number: " in said
    file.write_text('{"number": 1, "grams": 5000}')
    said = shop.refused("queue", "answer", case, "--payload", str(file), *by("ann"))
    assert "It fits parcels.weighed@1.0, but book, who hears it, would refuse it: constraints: grams" in said
    file.write_text('{"number": 1, "script": {}, "grams": 7, "address": "x"}')
    said = shop.refused("queue", "answer", case, "--payload", str(file), *by("ann"), code=2)
    assert "The answer fits parcels.parcel@1.0 and parcels.weighed@1.0; say which" in said
    done = shop.json("queue", "answer", case, "--payload", str(file), "--as", "parcels.weighed", *by("ann"))
    assert done["way"] == "behind"
    shop.ends("completed", case, epoch=1)


def test_bad_input_is_one_sentence(shop: Shop, file: Path) -> None:
    case = escalated(shop, "bad", {"number": 3, **UNSURE})
    (running, done) = unique("nobody", "done")
    shop.publish(**{done: {"number": 1}})
    shop.ends("completed", done)
    file.write_text("{")
    for arguments, code, said in (
        ([case], 2, "An answer is one of --payload FILE, --suggestion N and --reject."),
        ([case, "--reject", "--suggestion", "1"], 2, "An answer is one of"),
        ([case, "--suggestion", "9"], 1, "weigh made 2 suggestions"),
        ([case, "--suggestion", "2"], 1, "The answer fits nothing"),
        ([case, "--payload", str(file)], 2, "is not JSON"),
        ([case, "--payload", str(file.parent / "none")], 2, "cannot be read"),
        ([case, "--suggestion", "1", "--as", "no.such"], 2, "--as 'no.such' is no contract"),
        ([running, "--reject"], 1, f"There is no case {running} in namespace"),
        (
            [done, "--reject"],
            1,
            f"Case {done} does not wait for a person: in epoch 0 of parcels it has ended completed.",
        ),
        ([case, "--reject", "--workflow", "nothing"], 2, "There is no workflow 'nothing'"),
        ([case, "--reject", "--postgres", "postgresql://127.0.0.1:1/x"], 3, "does not answer"),
    ):
        assert said in shop.refused("queue", "answer", *arguments, *by("ann"), code=code)
    assert "--for 'long' is not a duration" in shop.refused(
        "queue", "claim", case, "--actor", "ann", "--for", "long", code=2
    )
    assert "No case waits for a person in namespace nobody" in shop("queue", "ls", "--namespace", "nobody").out
