"""Dead letters go back: planned, sent once into the failing agent's inbox, and the case goes on in a new life."""

import orjson

from misstep.contracts.event import hash_of
from tests.dlq.conftest import Shop, by, unique

DOWN = {"script": {"weigh": ["model_down"]}}


def test_a_letter_that_a_repair_mends_completes_in_its_next_life_once(shop: Shop) -> None:
    (case,) = unique("mended")
    shop.publish(**{case: {"number": "two"}})
    (letter,) = shop.letters(case)
    unmended = shop.json("redrive", "plan", letter, code=1)
    assert (unmended["counts"]["pass"], unmended["counts"]["fail"]) == (0, 1)
    assert unmended["fields"][0]["field"] == "number"
    planned = shop.json("redrive", "plan", letter, "--repair", "number_from_text")
    assert planned["counts"]["pass"] == 1
    assert not shop.inbox("weigh", case), "a plan sends nothing"

    done = shop.replay(planned["id"])
    assert (done["sent"], done["went_well"], done["stopped"]) == (1, 1, "")
    shop.ends("completed", case, epoch=1)
    assert shop.outcome(case) == "dead_lettered"
    (event,) = shop.inbox("weigh", case)
    assert orjson.loads(event.value or b"")["number"] == 2
    assert event.text("ce_id") == f"{case}/1/2/operator"
    assert hash_of(event.headers, event.value) == event.headers["ce_hash"]
    assert event.text("ce_idempotencykey") == f"parcels/{case}/0/1/weigh"
    assert "ce_deadline" not in event.headers
    assert [step[:2] for step in orjson.loads(event.headers["ce_history"])] == [["cases", 0], ["weigh", 1]]
    (op,) = [one for one in shop.ops("redrive") if one["case_id"] == case]
    assert (op["actor"], op["plan"], op["repair"], op["epoch"]) == ("ann", planned["id"], "number_from_text", 1)


def test_the_trail_says_who_when_with_which_repair_and_what_came_of_it(shop: Shop) -> None:
    (case,) = unique("trail")
    shop.publish(**{case: {"number": "three"}})
    (letter,) = shop.letters(case)
    plan = shop.plan(letter, "--repair", "number_from_text")
    shop.replay(plan)
    shop.ends("completed", case, epoch=1)
    said = shop.json("dlq", "show", letter)
    (step,) = said["trail"]
    assert (step["did"], step["by"], step["because"]) == ("redriven", "ann", "the test says so")
    assert (step["plan"], step["repair"], step["epoch"]) == (plan, "number_from_text", 1)
    assert step["came_to"] == "completed"
    assert said["state"] == "redriven"
    assert shop.json("dlq", "ls", "--case", case)["count"] == 0, "it no longer waits"
    assert shop.json("dlq", "ls", "--case", case, "--all")["count"] == 1
    assert f"redriven {step['at'][:19].replace('T', ' ')} by ann" in shop("dlq", "show", letter).out


def test_why_tells_the_new_life_and_the_chain_holds_across_it(shop: Shop) -> None:
    (case,) = unique("why")
    shop.publish(**{case: {"number": 1, **DOWN}})
    (letter,) = shop.letters(case)
    shop.replay(shop.plan(letter))
    shop.ends("completed", case, epoch=1)
    story = shop.json("why", case)
    assert story["chain_holds"]
    assert story["verified"]
    told = [(one["epoch"], one["version"], one["agent"], one["kind"]) for one in story["versions"]]
    assert told == [
        (0, 0, "cases", "case"),
        (0, 1, "weigh", "turn"),
        (0, 2, "outcomes", "outcome"),
        (1, 2, "operator", "operator"),
        (1, 3, "weigh", "turn"),
        (1, 4, "book", "turn"),
        (1, 5, "send", "turn"),
        (1, 6, "outcomes", "outcome"),
    ]
    assert story["versions"][3]["justification"] == "redriven by ann: the test says so"
    told_to_a_person = shop("why", case).out
    assert "redriven by ann: the test says so" in told_to_a_person
    assert "epoch 1" in told_to_a_person


def test_the_effect_of_a_turn_whose_answer_was_lost_has_the_same_key_again(shop: Shop) -> None:
    (case,) = unique("key")
    shop.publish(**{case: {"number": 1, "script": {"book": ["model_down", "model_down"]}}})
    (letter,) = shop.letters(case)
    key = f"parcels/{case}/0/2/book"
    shop.replay(shop.plan(letter), code=1)
    shop.ends("dead_lettered", case, epoch=1)
    again = str(shop.letter(case, 1))
    shop.replay(shop.plan(again))
    shop.ends("completed", case, epoch=2)
    events = shop.inbox("book", case)
    assert [event.text("ce_idempotencykey") for event in events] == [key, key]
    booked = shop.rows(
        "SELECT payload ->> 'key' FROM case_turns WHERE case_id = %s AND agent = 'book' AND epoch = 2", case
    )
    assert booked == [(key,)]
    assert shop.json("why", case)["verified"]


def test_poison_without_headers_goes_back_with_a_repair_of_its_bytes(shop: Shop) -> None:
    (case,) = unique("poison")
    shop.publish(**{case: b'\xef\xbb\xbf{"number": 4}'})
    (letter,) = shop.letters(case)
    assert shop.json("redrive", "plan", letter, code=1)["why_not"][0]["why"].startswith("schema: not JSON")
    shop.replay(shop.plan(letter, "--repair", "cut_the_mark"))
    shop.ends("completed", case, epoch=1)


def test_a_case_whose_headers_were_broken_begins_its_history_anew(shop: Shop) -> None:
    (case,) = unique("broken")
    producer_headers = [("ce_stateversion", b"7"), ("ce_epoch", b"0")]
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": shop.servers.kafka})
    producer.produce(shop.topics.cases, b'{"number": 5}', case.encode(), headers=producer_headers)
    producer.flush(20)
    (letter,) = shop.letters(case)
    shop.replay(shop.plan(letter))
    shop.ends("completed", case, epoch=1)
    (event,) = shop.inbox("weigh", case)
    assert event.text("ce_stateversion") == "1"
    assert [step[:2] for step in orjson.loads(event.headers["ce_history"])] == [["weigh", 0]]


def test_a_stricter_reading_is_what_a_letter_is_held_to(shop: Shop) -> None:
    (case,) = unique("heavy")
    shop.publish(**{case: {"number": 1, "script": {"weigh": ["heavy"]}}})
    (letter,) = shop.letters(case)
    said = shop.json("redrive", "plan", letter, code=1)
    assert said["fields"] == [
        {"field": "grams", "says": "Input should be less than or equal to 1000, not •••", "letters": 1,
         "example": int(letter)}
    ]  # fmt: skip


def test_a_repair_that_raises_and_one_that_mends_nothing_are_said_letter_by_letter(shop: Shop) -> None:
    first, second = unique("raises", "still")
    shop.publish(**{first: {"number": "x"}, second: {"number": "y"}})
    letters = shop.letters(first, second)
    said = shop.json("redrive", "plan", *letters, "--repair", "raises", code=1)
    assert said["counts"]["fail"] == 2
    assert said["why_not"][0]["why"].startswith("raises raised KeyError: ••• (at parcels.py:")
    said = shop.json("redrive", "plan", *letters, "--repair", "still_wrong", code=1)
    assert said["fields"][0]["field"] == "number"
    assert "2 still fail" in shop("redrive", "plan", *letters, "--repair", "still_wrong").out
    assert "Nothing of it can be sent" in shop("redrive", "plan", *letters, "--repair", "still_wrong").out
    assert "no repair 'magic' for parcels" in shop.refused("redrive", "plan", *letters, "--repair", "magic", code=2)


def test_a_case_that_was_brought_back_is_not_brought_back_again(shop: Shop) -> None:
    (case,) = unique("twice")
    shop.publish(**{case: {"number": 1, **DOWN}})
    (letter,) = shop.letters(case)
    plan = shop.plan(letter)
    shop.replay(plan)
    shop.ends("completed", case, epoch=1)
    again = shop.json("redrive", "plan", letter, code=1)
    assert again["counts"]["refused"] == 1
    assert again["why_not"][0]["why"].startswith("its case is brought back already: by ann at 2")
    assert f"(plan {plan})" in again["why_not"][0]["why"]
    assert shop.json("redrive", "replay", plan, *by("ann"))["sent"] == 0
    assert len(shop.inbox("weigh", case)) == 1


def test_plans_are_listed_and_shown(shop: Shop) -> None:
    (case,) = unique("shown")
    shop.publish(**{case: {"number": 1, **DOWN}})
    (letter,) = shop.letters(case)
    plan = shop.plan("--case", case)
    said = shop.json("redrive", "show", plan)
    assert said["selection"] == {"workflow": "parcels", "case_id": case}
    assert [one["letter"] for one in said["letters"]] == [int(letter)]
    assert f"misstep redrive replay {plan}" in shop("redrive", "show", plan).out
    assert plan in [one["id"] for one in shop.json("redrive", "ls")]
    assert plan in shop("redrive", "ls").out
    told = shop("redrive", "replay", plan, *by("ann")).out
    assert "sent 1, 1 went well, 0 failed again" in told
    assert "is done" in told
    assert "Replayed by ann" in shop("redrive", "show", plan).out


def test_an_agent_that_only_hears_of_failures_is_told_again_why_it_was_called(shop: Shop) -> None:
    (case,) = unique("by-hand")
    script = {"weigh": ["compliance_fail"], "weigh_by_hand": ["model_down", "model_down"]}
    shop.publish(**{case: {"number": 1, "script": script}})
    (letter,) = shop.letters(case)
    shop.replay(shop.plan(letter), code=1)
    shop.ends("dead_lettered", case, epoch=1)
    shop.replay(shop.plan(str(shop.letter(case, 1))))
    shop.ends("completed", case, epoch=2)
    keys = [one.text("ce_idempotencykey") for one in shop.inbox("weigh_by_hand", case)]
    assert keys == [f"parcels/{case}/0/2/weigh_by_hand"] * 2
