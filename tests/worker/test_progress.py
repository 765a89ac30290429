"""Commit metadata: whatever is packed comes back, and it always fits."""

from hypothesis import given
from hypothesis import strategies as st

from misstep.bus.progress import METADATA_MAX_CHARS, UNFINISHED_MAX_MESSAGES, WINDOW_MAX_MESSAGES, pack, unpack
from misstep.bus.window import Window

OWNER = "misstep.some-long-host-name-0"


def bits_of(positions: set[int]) -> bytes:
    raw = bytearray(max(positions) // 8 + 1 if positions else 0)
    for position in positions:
        raw[position >> 3] |= 1 << (position & 7)
    return bytes(raw)


@given(
    positions=st.sets(st.integers(0, WINDOW_MAX_MESSAGES - 1), max_size=400),
    attempts=st.dictionaries(
        st.integers(0, UNFINISHED_MAX_MESSAGES - 1), st.tuples(st.integers(1, 15), st.integers(0, 15)), max_size=50
    ),
)
def test_what_is_packed_is_unpacked(positions: set[int], attempts: dict[int, tuple[int, int]]) -> None:
    found = unpack(17, pack(OWNER, bits_of(positions), attempts))
    assert found.base == 17
    assert found.owner == OWNER
    assert set(found.finished_positions()) == positions
    assert found.attempts == attempts


@given(st.binary(min_size=WINDOW_MAX_MESSAGES // 8, max_size=WINDOW_MAX_MESSAGES // 8))
def test_a_full_window_of_any_pattern_fits(finished: bytes) -> None:
    attempts = {position: (position % 15 + 1, position % 11) for position in range(UNFINISHED_MAX_MESSAGES)}
    packed = pack("n" * 200, finished, attempts)
    assert len(packed) <= METADATA_MAX_CHARS
    assert packed.isascii()
    assert "\0" not in packed
    assert bits_of(set(unpack(0, packed).finished_positions())) == finished.rstrip(b"\0")


@given(st.text(max_size=60))
def test_metadata_of_another_tool_means_nothing_beyond_the_base(metadata: str) -> None:
    found = unpack(5, metadata)
    assert found.base == 5
    assert found.finished == b"" or metadata.startswith(("m1;", "m2;"))


@given(st.data())
def test_a_restart_skips_exactly_what_was_finished(data: st.DataObject) -> None:
    """Given turns that end in any order, with gaps between offsets: base and set say what is left, no more, no less."""
    offsets = sorted(data.draw(st.sets(st.integers(100, 400), min_size=1, max_size=60)))
    window = Window("t", 0, unpack(offsets[0], ""))
    positions = {offset: window.deliver(offset) for offset in offsets}
    finished = data.draw(st.sets(st.sampled_from(offsets)))
    skipped = data.draw(st.sets(st.sampled_from(offsets))) - finished
    for offset in finished:
        window.finish(positions[offset])
    if data.draw(st.booleans()):  # the transaction is aborted, and made again with the same turns
        window.propose(OWNER)
        for offset in finished:
            window.finish(positions[offset])
    window.skipped.extend(positions[offset] for offset in skipped)
    base, metadata = window.propose(OWNER) or (offsets[0], "")
    window.confirm()

    again = Window("t", 0, unpack(base, metadata))
    left = [offset for offset in offsets if offset >= base and not again.finished_before(again.deliver(offset))]
    assert left == [offset for offset in offsets if offset not in finished | skipped]
