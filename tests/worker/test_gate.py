"""Turns that wait at the gates of one worker: what one gate says of itself, the others believe."""

from __future__ import annotations

from misstep.agents.inbound import Delivered
from misstep.agents.worker.gate import Alone, Gate
from misstep.agents.worker.work import Work
from misstep.bus.progress import Progress
from misstep.bus.suspicion import SEEN
from misstep.bus.window import Window


def work(position: int, deaths: int) -> Work:
    window = Window("topic", 0, Progress(0), "abc")
    message = Delivered("topic", 0, position, 0, b"case", b"{}", [])
    return Work(window, position, message, {}, f"case-{position}", deaths=deaths)


def test_who_gives_a_turn_back_does_not_keep_others_from_running_alone() -> None:
    alone = Alone()
    one, other = Gate(alone, overlap=False), Gate(alone, overlap=False)
    suspected = work(0, deaths=1)
    one.wait(suspected)
    begin = one.choose(0.0, 100)
    assert begin is not None
    one.began(begin)
    other.wait(work(1, deaths=SEEN))
    assert other.choose(0.0, 100) is None  # a suspected turn is running
    one.back(suspected)  # it had not begun: its reader starts over
    begin = other.choose(0.0, 100)
    assert begin is not None
    assert begin.alone


def test_a_turn_that_is_over_or_has_lost_its_partition_runs_no_more() -> None:
    alone = Alone()
    one, other = Gate(alone, overlap=True), Gate(alone, overlap=True)
    for position in range(2):
        one.wait(work(position, deaths=1))
    for _ in range(2):
        begin = one.choose(10.0, 100)
        if begin is not None:
            one.began(begin)
    over, lost = one.running if len(one.running) == 2 else (*one.running, *one.waiting)
    other.wait(work(9, deaths=SEEN))
    over.ended = True
    lost.window.revoked = True
    one.reap()
    begin = other.choose(10.0, 100)
    assert begin is not None
    assert begin.alone
