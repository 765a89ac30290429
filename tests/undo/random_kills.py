"""Kills of coordinator, undoing workers and audit sink at random moments, under a load that fails and is undone.

Afterwards every case has one outcome, every undo was done once in effect, and `misstep why` says of each case what the
log says.
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson

from misstep.store.migrate import migrate
from misstep.store.why import case_story
from tests.conftest import Servers
from tests.undo.kills import check_effects, wish
from tests.worker.conftest import Site
from tests.worker.load import Load
from tests.worker.test_kill import SEAMS

TOLD = 300
"""Cases whose story is told, of those that did not simply complete."""


def start_sink(site: Site, dsn: str) -> subprocess.Popen[bytes]:
    """The audit sink in a process of its own."""
    arguments = [site.kafka, dsn, site.namespace, site.plan.workflow, "soak-sink", *site.agents]
    return subprocess.Popen([sys.executable, "-m", "tests.store.sink_process", *arguments])


def kill_at_random(site: Site, servers: Servers, journal_file: Path, *, kills: int, seed: int) -> str:
    """Kill coordinator, undoing workers and sink so many times, and assert what must hold; returns what was done."""
    migrate(servers.postgres)
    chance = random.Random(seed)
    load = Load(site, 60, seed, wish)
    sink = start_sink(site, servers.postgres)
    roles = {"coordinator": [], "a": site.agents, "b": site.agents}
    running = {
        role: site.processes[site.start(role, agents=agents, coordinate=role == "coordinator")]
        for role, agents in roles.items()
    }
    done: dict[str, int] = {}
    for _ in range(kills):
        role = chance.choice([*roles, "sink"])
        how = chance.choice([*SEAMS, "anywhere"]) if role != "sink" else "anywhere"
        done[f"{role} {how}"] = done.get(f"{role} {how}", 0) + 1
        victim = sink if role == "sink" else running[role]
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)
        if role == "sink":
            sink = start_sink(site, servers.postgres)
            time.sleep(chance.uniform(0.3, 2))
            continue
        coordinate = role == "coordinator"
        if how != "anywhere":
            doomed = site.processes[
                site.start(role, agents=roles[role], coordinate=coordinate, kill=f"{how}:{chance.randint(2, 15)}")
            ]
            assert doomed.wait(90) == -9
        running[role] = site.processes[site.start(role, agents=roles[role], coordinate=coordinate)]
        time.sleep(chance.uniform(0.0, 1.5))
    time.sleep(2)
    ids = load.stop()
    ended = site.wait_for_outcomes(len(ids), 180)
    counts = check_effects(site, site.check(ids), journal_file)
    outcomes = {seen.text("ce_subject"): orjson.loads(seen.value or b"") for seen in ended}
    told = [case for case, one in outcomes.items() if one["outcome"] != "completed"][:TOLD]
    time.sleep(3)
    for case in told:
        story = case_story(servers.postgres, site.namespace, case, bootstrap_servers=site.kafka)
        assert [one.outcome for one in story.endings] == [outcomes[case]["outcome"]]
        assert story.chain_holds
        assert story.verified
    sink.kill()
    sink.wait(10)
    for process in running.values():
        assert site.end(process) == 0
    return f"{kills} kills (seed {seed}): {done}; {len(ids)} cases: {counts}; {len(told)} stories told"
