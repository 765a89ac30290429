"""Bad input of `publish`: nothing is silently lost, and every problem is one sentence with its place."""

from __future__ import annotations

import gzip
import json
import signal
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from tests.cli.conftest import NOBODY, ROOT, Cli


def order(case_id: object, text: str = "1 x pear @ 0.40") -> bytes:
    return json.dumps({"case_id": case_id, "text": text}).encode()


def published(cli: Cli) -> list[tuple[bytes, bytes]]:
    """Every (key, value) in the topic of cases."""
    topic = f"{cli.namespace}.orders.cases"
    consumer = Consumer(
        {"bootstrap.servers": cli.variables["MISSTEP_KAFKA"], "group.id": "t", "enable.partition.eof": True}
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(2)])
    found, ends = [], 0
    while ends < 2:
        message = consumer.poll(10)
        assert message is not None
        if message.error() is not None:
            ends += 1
        else:
            found.append((message.key() or b"", message.value() or b""))
    consumer.close()
    return found  # type: ignore[return-value]


def test_bad_lines_are_named_and_the_others_are_sent_as_they_are(applied: Cli, lines: Path) -> None:
    spaced = b'{ "case_id" : "bad-lines-1",  "text":"odd  spacing" }'
    too_large = order("bad-lines-large", "x" * 5_000_000)
    lines.write_bytes(
        b"\n".join(
            [
                spaced,
                b"{not json",
                b'{"text": "no id"}',
                b"[1, 2]",
                order(None),
                order(True),
                order(""),
                too_large,
                b"\xff\xfe\x00",
                b"",
                order(17),
                b'{"case_id": "bad-lines-2", "wrong": "shape"}\r',
            ]
        )
    )
    result = applied("publish", "orders", str(lines), "--json")
    assert result.code == 1
    assert result.json["published"] == 3
    why = {bad["line"]: bad["why"] for bad in result.json["not_sent"]}
    assert sorted(why) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert "is not JSON" in why[2]
    assert why[3] == "has no case_id"
    assert "not an object" in why[4]
    assert "true" in why[6]
    assert "5,000," in why[8]
    assert "1,000,000" in why[8]
    there = dict(published(applied))
    assert there[b"bad-lines-1"] == spaced
    assert there[b"17"] == order(17)
    assert there[b"bad-lines-2"] == b'{"case_id": "bad-lines-2", "wrong": "shape"}'
    assert b"bad-lines-large" not in there


def test_for_a_person_the_lines_are_on_standard_error(applied: Cli) -> None:
    result = applied("publish", "orders", "-", stdin=order("person-1") + b"\n{\n" + order("person-1"))
    assert result.code == 1
    assert result.err.startswith("Not sent: line 2 is not JSON")
    assert "Published 2 cases of orders" in result.out
    assert "1 of them repeat an id of this file" in result.out


def test_a_file_without_that_id_suggests_the_fields_that_look_like_one(applied: Cli) -> None:
    result = applied("publish", "orders", str(ROOT / "examples" / "receipts.jsonl"))
    assert result.code == 1
    assert result.sentence.endswith("did you mean --id-field receipt_id?")


def test_an_empty_file_is_said_to_be_empty(applied: Cli, lines: Path) -> None:
    lines.write_bytes(b"\n \n")
    result = applied("publish", "orders", str(lines), "--json")
    assert (result.code, result.json["error"]) == (1, f"{lines} is empty: there is no case to publish.")


def test_a_file_that_is_not_there(applied: Cli) -> None:
    result = applied("publish", "orders", "nowhere.jsonl")
    assert (result.code, result.sentence) == (2, "nowhere.jsonl cannot be read: No such file or directory.")


def test_what_is_no_file_of_lines(applied: Cli, tmp_path: Path) -> None:
    assert applied("publish", "orders", str(tmp_path)).sentence == f"{tmp_path} cannot be read: Is a directory."
    assert applied("publish", "orders", "").sentence.startswith("FILE is empty; name a file of JSON lines")
    unreadable = applied("publish", "orders", "/proc/self/mem")  # opens, and fails when it is read
    assert (unreadable.code, unreadable.sentence) == (2, "/proc/self/mem cannot be read: Input/output error.")


def test_a_binary_file_is_one_sentence(applied: Cli, tmp_path: Path) -> None:
    binary = tmp_path / "picture.png"
    binary.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    result = applied("publish", "orders", str(binary))
    assert result.code == 1
    assert result.sentence.startswith(
        f"No line of {binary} is JSON, so nothing was sent (line 1 is not JSON (byte 0x89"
    )


def test_an_unknown_workflow(applied: Cli, lines: Path) -> None:
    lines.write_bytes(order("x"))
    result = applied("publish", "invoices", str(lines))
    assert result.code == 2
    assert "no workflow 'invoices'" in result.sentence
    assert "orders" in result.sentence


def test_a_namespace_that_was_never_applied(applied: Cli, lines: Path) -> None:
    lines.write_bytes(order("x"))
    result = applied("publish", "orders", str(lines), "--namespace", "never-applied")
    assert result.code == 2
    assert result.sentence.endswith("run `misstep apply` first.")


def test_kafka_down(applied: Cli, lines: Path) -> None:
    lines.write_bytes(order("x"))
    result = applied("publish", "orders", str(lines), "--kafka", NOBODY, "--json")
    assert result.code == 3
    assert NOBODY in result.json["error"]
    assert "Traceback" not in result.err


def test_cases_that_nobody_works_on_are_missed(applied: Cli) -> None:
    result = applied("publish", "orders", "-", "--wait", "--timeout", "1s", "--json", stdin=order("unheard"))
    assert result.code == 1
    assert result.json["without_outcome"] == ["unheard"]


def test_ctrl_c_while_it_waits_is_quiet_and_what_was_sent_stays_sent(applied: Cli, lines: Path) -> None:
    lines.write_bytes(order("interrupted-1"))
    process = applied.start("publish", "orders", str(lines), "--wait")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Published 1 case of orders")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    assert b"interrupted-1" in dict(published(applied))


def test_a_packed_file_is_unpacked_and_a_broken_one_is_named(applied: Cli, tmp_path: Path) -> None:
    packed = tmp_path / "cases.jsonl.gz"
    packed.write_bytes(gzip.compress(order("packed-1") + b"\n" + order("packed-2")))
    assert applied("publish", "orders", str(packed), "--json").json["published"] == 2
    packed.write_bytes(b"no gzip at all")
    broken = applied("publish", "orders", str(packed))
    assert broken.code == 2
    assert broken.sentence.startswith(f"{packed} cannot be read: ")
    packed.write_bytes(gzip.compress(order("cut-1") * 500)[:30])
    cut = applied("publish", "orders", str(packed))
    assert (cut.code, cut.sentence.startswith(f"{packed} cannot be read: ")) == (2, True)
    packed.write_bytes(b"\x1f\x8b\x08\x00" + b"garbage" * 9)
    assert applied("publish", "orders", str(packed)).sentence.startswith(f"{packed} cannot be read: ")
