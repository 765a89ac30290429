"""Break everything, and see what holds: `python -m tests.chaos.run`, or `make chaos`."""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from misstep.testing.chaos import alone, mixed
from tests.chaos.faults.all import FAULTS, named
from tests.chaos.faults.forger import Forger
from tests.chaos.phase import Phase, play
from tests.chaos.report import write_report
from tests.chaos.site import Site


def main() -> int:
    """Run what the options say; 0 when every promise held, 1 when one did not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="chooses whom and when the faults meet")
    parser.add_argument("--minutes", type=float, default=4.0, help="of mixed faults, after each one alone; 0: none")
    parser.add_argument("--faults", default="", metavar="A,B", help="only these, each alone and then mixed")
    parser.add_argument("--only", default="", metavar="NAME", help="one fault alone")
    parser.add_argument("--seconds", type=float, default=None, help="how long each fault lasts alone")
    parser.add_argument("--alone", action=argparse.BooleanOptionalAction, default=True, help="each fault alone first")
    parser.add_argument("--carry", action=argparse.BooleanOptionalAction, default=True, help="carrying on in workers")
    parser.add_argument("--rate", type=float, default=18.0, help="cases a second")
    parser.add_argument("--out", type=Path, default=Path("chaos-report"), help="of the report, without .md and .json")
    parser.add_argument("--keep", action="store_true", help="keep servers' and processes' files")
    parser.add_argument(
        "--sabotage", action="store_true", help="see it say no: an event twice, one forged, a row made up"
    )
    parser.add_argument("--list", action="store_true", help="list the faults and end")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{fault.name:24} {fault.what}" for fault in FAULTS))
        return 0
    try:
        chosen = [named(name) for name in (options.only or options.faults).split(",") if name] or list(FAULTS)
    except KeyError as missing:
        print(f"There is no fault {missing}; --list names them.", file=sys.stderr)
        return 2
    if options.sabotage:
        chosen, options.minutes = [Forger], 0
    carry_known = has_carry()
    if not options.carry and not carry_known:
        print("This `misstep run` has no --no-carry: carrying on is not built, so it is off anyway.", file=sys.stderr)
    began = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="misstep-chaos-"))
    site = Site(
        directory,
        options.seed,
        options.carry or not carry_known,
        options.rate * 2 / 3,
        options.rate / 3,
        lambda line: print(line, flush=True),
    )
    phases: list[Phase] = []
    failed = ""
    try:
        site.start()
        quiet = play(site, "calm", "no fault at all", [])
        phases.append(quiet)
        told(quiet)
        for fault in chosen if options.alone else ():
            seconds = options.seconds if options.seconds is not None else fault.seconds
            print(f"{fault.name}: {fault.what}", flush=True)
            plan = alone(fault, seconds, f"{options.seed}/{fault.name}")
            phases.append(play(site, fault.name, fault.what, plan))
            told(phases[-1])
        if not options.only and options.minutes:
            print(f"mixed: {options.minutes:g} minutes", flush=True)
            able = [fault for fault in chosen if not any(one.name == fault.name and one.not_here for one in phases)]
            plan = mixed(able, options.minutes * 60, f"{options.seed}/mixed")
            phases.append(play(site, "mixed", "all of them, up to two at a time", plan))
            told(phases[-1])
        print("the whole log, once more", flush=True)
        whole = Phase("whole log", "everything that was recorded is read again", violations=site.whole_log())
        phases.append(whole)
        told(whole)
    except Exception as error:
        failed = f"{type(error).__name__}: {error}"
        raise
    finally:
        run = {
            "seed": options.seed,
            "minutes": (time.monotonic() - began) / 60,
            "carry": ("on" if options.carry else "off") if carry_known else "not built",
            "command": f"python -m tests.chaos.run {' '.join(sys.argv[1:])}".strip(),
            "machine": f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}",
            "failed": failed,
        }
        write_report(options.out, run, phases)
        site.close()
        violations = sum(len(phase.violations) for phase in phases)
        if options.keep or violations or failed or any(phase.broke for phase in phases):
            print(f"Files are in {directory}")
        else:
            site.remove()
    broke = [phase.name for phase in phases if phase.broke or phase.gave_up]
    print(f"{violations} violations{f', broken off or given up: {broke}' if broke else ''}; {options.out}.md says more")
    return 1 if violations or broke else 0


def told(phase: Phase) -> None:
    """Print what a phase came to."""
    if phase.not_here:
        return
    recoveries = [one.recovery_s for one in phase.occurrences if one.recovery_s is not None]
    caught = "not caught up" if phase.caught_up_s is None else f"caught up {phase.caught_up_s:.1f} s after"
    print(
        f"  {phase.name}: {phase.acknowledged} cases, {phase.events} events, {caught}, "
        f"recovery {max(recoveries, default=0.0):.1f} s, {len(phase.violations)} violations, {phase.lasted_s:.0f} s",
        flush=True,
    )
    for violation in phase.violations[:10]:
        print(f"    {violation}", flush=True)
    incidents = [f"{count} times {incident}" for incident, count in phase.incidents.items()]
    incidents += [f"GAVE UP: {name} had ended for good" for name in phase.gave_up]
    for note in [*phase.notes, *incidents, *([f"broken off: {phase.broke}"] if phase.broke else [])]:
        print(f"    {note}", flush=True)


def has_carry() -> bool:
    """Whether `misstep run` knows --no-carry."""
    said = subprocess.run(
        [sys.executable, "-m", "misstep.cli.main", "run", "--help"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    return "--no-carry" in said.stdout


if __name__ == "__main__":
    sys.exit(main())
