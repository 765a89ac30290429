"""Letters that nobody will send again: discarded with a reason, emptied when they were kept long enough."""

from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from tests.dlq.conftest import Shop, by, unique

DOWN = {"number": 1, "script": {"weigh": ["model_down"]}}


def test_a_discarded_letter_leaves_the_listing_and_nothing_is_deleted(shop: Shop) -> None:
    (case,) = unique("discarded")
    shop.publish(**{case: DOWN})
    (letter,) = shop.letters(case)
    assert shop.json("dlq", "discard", letter, *by("ann", "test data")) == {"discarded": [int(letter)], "not": []}
    assert shop.json("dlq", "ls", "--case", case)["count"] == 0
    (line,) = shop.json("dlq", "ls", "--case", case, "--all")["letters"]
    assert line["state"] == "discarded"
    said = shop.json("dlq", "show", letter)
    assert said["payload"]["number"] == 1
    assert (said["trail"][0]["did"], said["trail"][0]["by"], said["trail"][0]["because"]) == (
        "discarded", "ann", "test data",
    )  # fmt: skip
    (op,) = [one for one in shop.ops("discard") if one["case_id"] == case]
    assert (op["actor"], op["letter"]) == ("ann", int(letter))
    assert "discarded" in shop("why", case).out


def test_a_discarded_letter_is_not_discarded_again_nor_sent(shop: Shop) -> None:
    (case,) = unique("twice")
    shop.publish(**{case: DOWN})
    (letter,) = shop.letters(case)
    plan = shop.plan(letter)
    shop.json("dlq", "discard", letter, *by("ann", "test data"))
    again = shop("dlq", "discard", letter, *by("bob"))
    assert again.code == 1
    assert f"Letter {letter} was not discarded: it was discarded already, by ann on 2" in again.out
    done = shop.replay(plan, code=1)
    assert done["sent"] == 0
    assert done["refusals"][0]["why"].endswith(": test data")
    assert "discarded by ann" in shop.json("redrive", "plan", letter, code=1)["why_not"][0]["why"]


def test_letters_are_discarded_by_selection(shop: Shop) -> None:
    first, second = unique("one", "two")
    shop.publish(**{first: {"number": "a b"}, second: {"number": "c d"}})
    letters = shop.letters(first, second)
    (line,) = shop.json("dlq", "ls", "--case", first)["letters"]
    done = shop.json("dlq", "discard", "--fingerprint", line["fingerprint"], "--failure", "schema_invalid", *by("ann"))
    assert set(map(int, letters)) <= set(done["discarded"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Say which letters are to be discarded"),
        (["999999999"], 1, "There is no letter 999999999"),
        (["--failure", "No Name"], 2, "is no failure reason"),
        (["--case", "nobody"], 1, ""),
        (["--case", "x", "--reason", ""], 2, "--reason is empty"),
    ],
)
def test_what_cannot_be_discarded_is_one_sentence(shop: Shop, arguments: list[str], code: int, said: str) -> None:
    done = shop("dlq", "discard", *by("ann"), *arguments)
    assert done.code == code
    assert said in done.err


def test_bytes_that_were_kept_long_enough_are_removed_and_the_rest_stays(
    shop: Shop, changed: Callable[..., Shop]
) -> None:
    (case,) = unique("old")
    shop.publish(**{case: DOWN})
    (letter,) = shop.letters(case)
    assert shop.json("dlq", "expire", *by("ann"))["emptied"] == [], "thirty days are not over"
    hasty = changed("dlq/parcels.py", 'keep="30d"', 'keep="1ms"')
    assert int(letter) in hasty.json("dlq", "expire", *by("ann", "kept long enough"))["emptied"]
    said = shop.json("dlq", "show", letter)
    assert (said["bytes"], said["headers"], said["state"]) == (0, {}, "emptied")
    assert said["reason"] == "model_down"
    assert "Its bytes were removed" in shop("dlq", "show", letter).out
    refused = shop.json("redrive", "plan", letter, code=1)["why_not"][0]["why"]
    assert "they had been kept long enough" in refused
    silent = changed("dlq/parcels.py", ', keep="30d"', "")
    assert "says of no workflow how long letters are kept" in silent.refused("dlq", "expire", *by("ann"))


def test_apply_keeps_kafkas_copy_as_long(shop: Shop) -> None:
    admin = AdminClient({"bootstrap.servers": shop.servers.kafka})
    resource = ConfigResource(ResourceType.TOPIC, shop.topics.dlq)
    config = admin.describe_configs([resource])[resource].result()
    assert config["retention.ms"].value == str(30 * 86_400_000)
