"""What is noted beside a slot's lock: who was ousted, and who ended through no fault of what it ran."""

from pathlib import Path

from misstep.agents.worker.slot import BLAMELESS_KEPT, blameless, note_blameless, ousted_again


def test_a_place_that_is_taken_now_and_then_is_no_rival(tmp_path: Path) -> None:
    assert not any(ousted_again(tmp_path, "host-0", now) for now in (1_000.0, 1_030.0, 1_070.0, 1_140.0))


def test_a_place_that_is_taken_again_and_again_is_somebody_elses(tmp_path: Path) -> None:
    assert [ousted_again(tmp_path, "host-0", now) for now in (1_000.0, 1_010.0, 1_020.0)] == [False, False, True]
    assert not ousted_again(tmp_path, "host-1", 1_021.0)


def test_notes_that_cannot_be_read_are_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "host-0.ousted").write_text("?")
    assert not ousted_again(tmp_path, "host-0", 1_000.0)
    assert not ousted_again(tmp_path, "host-0", 990.0)  # a clock that went back


def test_processes_that_ended_blamelessly_are_known_to_their_successors_the_last_hundred(tmp_path: Path) -> None:
    assert blameless(tmp_path, "host-0") == []
    for number in range(BLAMELESS_KEPT + 5):
        note_blameless(tmp_path, "host-0", f"{number:06x}")
    assert blameless(tmp_path, "host-0") == [f"{number:06x}" for number in range(5, BLAMELESS_KEPT + 5)]
    assert blameless(tmp_path, "host-1") == []


def test_notes_on_the_blameless_that_cannot_be_read_clear_nobody(tmp_path: Path) -> None:
    (tmp_path / "host-0.blameless").write_bytes(b"\xff\xfe")
    assert blameless(tmp_path, "host-0") == []
