"""`kill -9` of the coordinator and of workers that undo, at each seam: one outcome, every undo once in effect."""

import random
import time
from pathlib import Path

from tests.undo.kills import check_effects, wish
from tests.undo.trip import Wish
from tests.worker.conftest import Site
from tests.worker.load import Load
from tests.worker.test_kill import SEAMS

SEED = 20260815


def test_a_coordinator_killed_at_every_seam_loses_no_case_and_ends_none_twice(site: Site, journal_file: Path) -> None:
    chance = random.Random(SEED)
    agents = site.processes[site.start("agents", coordinate=False)]
    load = Load(site, 60, SEED, wish)
    for seam in SEAMS:
        victim = site.processes[site.start("coordinator", agents=[], kill=f"{seam}:{chance.randint(2, 6)}")]
        assert victim.wait(40) == -9, f"it was to die at {seam}"
    last = site.processes[site.start("coordinator", agents=[])]
    time.sleep(1)
    ids = load.stop()
    site.wait_for_outcomes(len(ids), 60)
    counts = check_effects(site, site.check(ids), journal_file)
    assert min(counts.get(ended, 0) for ended in ("completed", "compensated", "partly_compensated")) > 0
    assert site.end(last) == 0
    assert site.end(agents) == 0


def test_a_worker_killed_while_it_undoes_undoes_once_in_effect(site: Site, journal_file: Path) -> None:
    chance = random.Random(SEED)
    site.start("peer")
    load = Load(site, 60, SEED, wish)
    for seam in ("after_produce", "after_offsets", "commit"):
        victim = site.processes[site.start("victim", kill=f"{seam}:{chance.randint(3, 15)}")]
        assert victim.wait(40) == -9, f"it was to die at {seam}"
    last = site.processes[site.start("victim")]
    time.sleep(1)
    ids = load.stop()
    site.wait_for_outcomes(len(ids), 60)
    check_effects(site, site.check(ids), journal_file)
    assert site.end(last) == 0


def test_a_crash_between_the_effect_of_an_undo_and_its_commit(site: Site, journal_file: Path) -> None:
    ids = site.publish([Wish(number=1, script={"pay": ["refused"], "undo hold_car": ["dies"]})])
    victim = site.processes[site.start("victim")]
    assert victim.wait(40) == -9
    again = site.processes[site.start("victim")]
    site.wait_for_outcomes(1)
    assert check_effects(site, site.check(ids), journal_file) == {"compensated": 1}
    assert site.end(again) == 0
