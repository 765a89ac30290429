"""Dead letters are found, grouped and shown, with what may not be seen masked."""

import pytest

from tests.dlq.conftest import Shop, unique


@pytest.fixture(scope="module")
def ids(shop: Shop) -> list[str]:
    down, down_too, poison, bare = unique("down", "down-too", "poison", "bare")
    shop.publish(
        **{
            down: {"number": 1, "address": "Secret Lane 7", "script": {"weigh": ["model_down"]}},
            down_too: {"number": 2, "script": {"weigh": ["model_down"]}},
            poison: b"\xff\xfe no json",
            bare: {"number": "one", "address": "Secret Lane 8"},
        }
    )
    shop.letters(down, down_too, poison, bare)
    return [down, down_too, poison, bare]


def test_letters_are_listed_newest_first_and_filtered(shop: Shop, ids: list[str]) -> None:
    said = shop.json("dlq", "ls", "--workflow", "parcels")
    assert said["count"] == len(said["letters"])
    assert {one["case_id"] for one in said["letters"]} >= set(ids)
    failed = [one["last_failure"] for one in said["letters"]]
    assert failed == sorted(failed, reverse=True)
    down = {one["case_id"] for one in shop.json("dlq", "ls", "--reason", "model_down")["letters"]}
    assert set(ids) & down == set(ids[:2])
    assert not set(ids) & {one["case_id"] for one in shop.json("dlq", "ls", "--agent", "book")["letters"]}
    assert shop.json("dlq", "ls", "--case", ids[2])["letters"][0]["reason"] == "schema_invalid"
    limited = shop.json("dlq", "ls", "--workflow", "parcels", "--since", "1h", "--limit", "1")
    assert (len(limited["letters"]), limited["count"]) == (1, said["count"])
    assert "weigh" in shop("dlq", "ls").out


def test_letters_that_are_alike_are_one_group(shop: Shop, ids: list[str]) -> None:
    groups = shop.json("dlq", "group")["groups"]
    counts = [one["count"] for one in groups]
    assert counts == sorted(counts, reverse=True)
    (down,) = [one for one in groups if (one["agent"], one["reason"]) == ("weigh", "model_down")]
    assert down["count"] >= 2
    assert down["first_seen"] <= down["last_seen"]
    alike = shop.json("dlq", "ls", "--fingerprint", down["fingerprint"])["letters"]
    assert {one["case_id"] for one in alike} >= set(ids[:2])
    assert down["example"] in [one["id"] for one in alike]


def test_a_letter_is_shown_whole_but_for_what_is_masked(shop: Shop, ids: list[str]) -> None:
    number = str(shop.letter(ids[0]))
    said = shop.json("dlq", "show", number)
    assert said["payload"]["address"] == "•••"
    assert said["payload"]["number"] == 1
    assert said["origin"]["topic"] == shop.topics.cases
    assert said["next"][0].startswith(f"misstep redrive plan {number}")
    told = shop("dlq", "show", number).out
    assert "Secret Lane" not in told
    assert "number_from_text" in told
    assert f"misstep why {ids[0]}" in told


def test_bytes_that_cannot_be_read_are_not_shown_where_fields_are_masked(shop: Shop, ids: list[str]) -> None:
    said = shop.json("dlq", "show", str(shop.letter(ids[2])))
    assert (said["readable"], said["begins"], said["bytes"]) == (False, "•••", 10)


def test_a_detail_does_not_quote_what_is_masked(shop: Shop, ids: list[str]) -> None:
    (line,) = shop.json("dlq", "ls", "--case", ids[3])["letters"]
    assert "'one'" not in line["detail"]
    assert "number" in line["detail"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["dlq", "ls", "--workflow", "nothing"], 2, "There is no workflow 'nothing'"),
        (["dlq", "ls", "--reason", "No Reason"], 2, "--reason 'No Reason' is no failure reason"),
        (["dlq", "ls", "--since", "soon"], 2, "--since 'soon' is not a duration"),
        (["dlq", "show", "0"], 2, "0 is no letter's number"),
        (["dlq", "show", "999999999999"], 1, "There is no letter 999999999999 in namespace"),
        (["dlq", "show", "99999999999999999999"], 2, "is no letter's number"),
        (["dlq", "ls", "--postgres", "postgresql://127.0.0.1:1/x"], 3, "Postgres at 127.0.0.1:1/x does not answer"),
    ],
)
def test_bad_input_is_one_sentence(shop: Shop, arguments: list[str], code: int, said: str) -> None:
    assert said in shop.refused(*arguments, code=code)


def test_a_letter_of_another_namespace_is_not_shown(shop: Shop, ids: list[str]) -> None:
    number = str(shop.letter(ids[0]))
    refused = shop("dlq", "show", number, "--namespace", "elsewhere")
    assert refused.code == 1
    assert f"Letter {number} is in namespace {shop.namespace}, not in elsewhere" in refused.sentence


def test_nothing_to_list_is_said(shop: Shop) -> None:
    assert "No dead letter waits in namespace nobody" in shop("dlq", "ls", "--namespace", "nobody").out
    assert "No dead letter waits in namespace nobody" in shop("dlq", "group", "--namespace", "nobody").out
