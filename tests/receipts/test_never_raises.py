import json
import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from rooms.agents.receipts import judge, read_by_consensus, read_primary

PIECES = [
    *("TOTAL", "CASH", "CHANGE", "ROUNDING", "GST", "RM", "SUB", "6%", "12.50", "-0.02", "(0.02)", "1,234.50", "O.lO"),
    *("25/12/2018", "99/99/9999", "9" * 400, "0" * 40 + ".00", "۱۲.۵۰", "²³.¹²", "𝟏𝟐.𝟓𝟎", "\x00", "İı", ".", "-", "S$"),
    "TAX SUMMARY",
]

numbers = st.one_of(st.integers(), st.floats(), st.none(), st.text(max_size=3), st.booleans())
phrases = st.one_of(
    st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join), st.none(), st.integers()
)
boxes = st.one_of(
    st.fixed_dictionaries({"x": numbers, "y": numbers, "w": numbers, "h": numbers, "text": phrases}),
    st.fixed_dictionaries(
        {
            "x": st.integers(0, 800),
            "y": st.integers(0, 600),
            "w": st.integers(-10, 300),
            "h": st.integers(-5, 40),
            "text": phrases,
        }
    ),
    st.none(),
    st.text(max_size=5),
)


def read_and_judge(lines):
    first, second = read_primary(lines), read_by_consensus(lines)
    for reading, other in ((first, second), (second, first)):
        verdict = judge(reading, other)
        assert 0 <= reading.confidence <= 1
        assert 0 <= verdict.trust <= 1
        assert reading.total is not None or not verdict.post
        json.dumps(dict(reading.evidence))


@settings(max_examples=300, deadline=None)
@given(st.lists(boxes, max_size=40))
def test_garbage_of_every_kind_is_read_without_raising(lines):
    read_and_judge(lines)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_real_receipt_torn_to_pieces_is_read_without_raising(examples, data):
    lines = data.draw(st.sampled_from(examples))["lines"]
    kept = data.draw(st.lists(st.sampled_from(lines), max_size=len(lines)))
    noise = data.draw(st.lists(boxes, max_size=5))
    read_and_judge(kept + noise)


def test_what_is_no_list_of_lines_is_read_without_raising():
    for lines in (None, 7, "TOTAL 12.50", {}, {"lines": []}, [[]], [[[]]]):
        read_and_judge(lines)


def test_ten_thousand_lines_are_read_in_bounded_time():
    rng = random.Random(1)
    scattered = [
        {"x": rng.random() * 1e4, "y": rng.random() * 1e4, "w": 50, "h": 20, "text": " ".join(rng.choices(PIECES, k=9))}
        for _ in range(10_000)
    ]
    one_row = [dict(line, y=5) for line in scattered]
    long_texts = [{"x": 0, "y": 30 * at, "w": 50, "h": 20, "text": "1." * 5_000} for at in range(200)]
    for lines in (scattered, one_row, long_texts):
        started = time.perf_counter()
        read_and_judge(lines)
        assert time.perf_counter() - started < 10


def test_a_normal_receipt_takes_milliseconds(examples):
    started = time.perf_counter()
    for example in examples:
        read_primary(example["lines"])
    assert (time.perf_counter() - started) / len(examples) < 0.1


def test_the_same_lines_give_the_same_reading(examples):
    for example in examples[:20]:
        assert read_primary(example["lines"]) == read_primary(example["lines"])
        assert read_by_consensus(example["lines"]) == read_by_consensus(example["lines"])
