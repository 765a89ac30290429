"""A process of a drill: `python -m misstep.cli.drill.process worker|sink ...`, as of `misstep run`."""

from __future__ import annotations

import sys

from misstep.cli import sink_process, worker_process
from misstep.cli.drill.drills import drill_named
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.setup import setup_of_child
from misstep.composition import environment

PROCESSES = {"worker": worker_process.main, "sink": sink_process.main}


def main() -> int:
    """Run the worker or the audit sink of the drill that the environment names, until SIGTERM."""
    run = PROCESSES[sys.argv.pop(1)]
    return run(_drill_environment)


def _drill_environment() -> DrillEnvironment:
    setup, env = setup_of_child(), environment()
    return DrillEnvironment(env.settings, env.root, setup=setup, rooms=drill_named(setup.drill).rooms)


if __name__ == "__main__":
    sys.exit(main())
