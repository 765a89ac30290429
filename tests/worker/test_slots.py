"""A worker whose place in its group was taken is restarted in its slot, unless that happens again and again."""

from pathlib import Path

from misstep.agents.worker.slot import ousted_again


def test_a_place_that_is_taken_now_and_then_is_no_rival(tmp_path: Path) -> None:
    assert not any(ousted_again(tmp_path, "host-0", now) for now in (1_000.0, 1_030.0, 1_070.0, 1_140.0))


def test_a_place_that_is_taken_again_and_again_is_somebody_elses(tmp_path: Path) -> None:
    assert [ousted_again(tmp_path, "host-0", now) for now in (1_000.0, 1_010.0, 1_020.0)] == [False, False, True]
    assert not ousted_again(tmp_path, "host-1", 1_021.0)


def test_notes_that_cannot_be_read_are_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "host-0.ousted").write_text("?")
    assert not ousted_again(tmp_path, "host-0", 1_000.0)
    assert not ousted_again(tmp_path, "host-0", 990.0)  # a clock that went back
