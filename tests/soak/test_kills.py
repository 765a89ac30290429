"""Fifty kills at random seams and random moments, of workers that are restarted or replaced, under load.

`make soak`; SOAK_KILLS and SOAK_SEED change how many and which.
"""

import os
import random
import signal
import time

from tests.worker.conftest import *  # noqa: F403  # its fixtures
from tests.worker.conftest import Site
from tests.worker.load import Load
from tests.worker.oracle import taken_for_killers
from tests.worker.test_kill import CARRYING_SEAMS

KILLS = int(os.environ.get("SOAK_KILLS", "50"))
SEED = int(os.environ.get("SOAK_SEED", "7"))


def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(site: Site) -> None:
    chance = random.Random(SEED)
    load = Load(site, 120, SEED)
    done: dict[str, int] = {}
    names = ["a", "b"]
    running = {name: site.processes[site.start(name)] for name in names}
    for _ in range(KILLS):
        name = chance.choice(names)
        how = chance.choice([*CARRYING_SEAMS, "anywhere"])
        done[how] = done.get(how, 0) + 1
        running[name].send_signal(signal.SIGKILL)
        running[name].wait(10)
        if chance.random() < 0.15:  # it stays away for so long that the other one takes over
            time.sleep(8)
        if how == "anywhere":
            running[name] = site.processes[site.start(name)]
            time.sleep(chance.uniform(0.8, 3))
        else:
            running[name] = site.processes[site.start(name, kill=f"{how}:{chance.randint(2, 40)}")]
            assert running[name].wait(60) == -9
            running[name] = site.processes[site.start(name)]
            time.sleep(chance.uniform(0.0, 1.5))
    time.sleep(2)
    ids = load.stop()
    site.wait_for_outcomes(len(ids), 120)
    suspected = taken_for_killers(site.check(ids))
    for process in running.values():
        assert site.end(process) == 0
    print(f"\n{KILLS} kills (seed {SEED}): {done}; {len(ids)} cases, each with exactly one outcome")  # noqa: T201
    print(f"taken for killers, though killed from outside: {suspected}")  # noqa: T201
