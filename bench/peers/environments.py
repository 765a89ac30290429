"""Each peer's own environment under bench/.peers, made once and again when what it is made from changes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE.parent / ".peers"
SHARED = HERE / "shared"
TEMPORAL_CLI = "v1.5.1"  # the newest that `go install` takes: later ones replace a module by a folder of their own


class CannotRunHereError(Exception):
    """A peer cannot be had on this machine; says why in one sentence."""


def python_of(peer: str) -> Path:
    """The Python of a peer, with what bench/peers/<peer>/requirements.txt pins. Raises CannotRunHereError."""
    wanted = HERE / peer / "requirements.txt"
    made = HOME / peer / "venv"
    if _as_made(made, wanted):
        return made / "bin" / "python"
    print(f"Installing {peer} into {made} ...", flush=True)
    shutil.rmtree(made, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(made))
    _run(str(made / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted))
    _mark(made, wanted)
    return made / "bin" / "python"


def version_of(peer: str, package: str) -> str:
    """The version that a peer's requirements pin."""
    for line in (HERE / peer / "requirements.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if name.lower() == package:
            return version
    raise KeyError(package)


def java_of(peer: str) -> list[str]:
    """`java -cp ...` for a peer of Maven's jars and one source file. Raises CannotRunHereError."""
    pom, source = HERE / peer / "pom.xml", HERE / peer / "Hop.java"
    made = HOME / peer / "java"
    for tool in ("java", "javac", "mvn"):
        if shutil.which(tool) is None:
            raise CannotRunHereError(f"there is no `{tool}` on this machine.")
    if not _as_made(made, pom, source):
        print(f"Fetching the jars of {peer} into {made} ...", flush=True)
        shutil.rmtree(made, ignore_errors=True)
        jars = f"-DoutputDirectory={made / 'lib'}"
        _run("mvn", "--quiet", "--batch-mode", "-f", str(pom), "dependency:copy-dependencies", jars)
        _run("javac", "-cp", f"{made / 'lib'}/*", "-d", str(made / "classes"), str(source))
        _mark(made, pom, source)
    return ["java", "-cp", f"{made / 'classes'}:{made / 'lib'}/*"]


def temporal_server() -> Path:
    """Temporal's command line with its development server, built by Go. Raises CannotRunHereError."""
    made = HOME / "temporal" / TEMPORAL_CLI
    program = made / "temporal"
    if program.exists():
        return program
    if shutil.which("go") is None:
        raise CannotRunHereError("its development server is built with Go, and there is no `go` on this machine.")
    print(f"Building Temporal's development server {TEMPORAL_CLI} (once, some minutes) ...", flush=True)
    module = f"github.com/temporalio/cli/cmd/temporal@{TEMPORAL_CLI}"
    _run("go", "install", module, env={"GOBIN": str(made), "GOFLAGS": "-buildvcs=false"}, timeout_s=1_200)
    return program


def _as_made(made: Path, *sources: Path) -> bool:
    mark = made / "made-from"
    return mark.exists() and mark.read_text() == _digest(*sources)


def _mark(made: Path, *sources: Path) -> None:
    (made / "made-from").write_text(_digest(*sources))


def _digest(*sources: Path) -> str:
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _run(*command: str, env: dict[str, str] | None = None, timeout_s: int = 600) -> None:
    try:
        done = subprocess.run(
            command, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CannotRunHereError(f"`{command[0]} {command[1]}` took longer than {timeout_s} s.") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        said = re.sub(r"https?://\S+", "...", said)  # where this machine fetches from is nobody's business
        raise CannotRunHereError(f"`{Path(command[0]).name} {command[1]}` failed: {said}")
