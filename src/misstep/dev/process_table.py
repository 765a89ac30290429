"""What the operating system says about a process: whether it lives, when it began, what it spawned."""

import subprocess
import sys
from pathlib import Path


def birth_mark(pid: int) -> str | None:
    """A text that no other process of this machine ever had or will have under the same pid.

    Made of the boot's id and the start time in clock ticks (Linux), or the start time to the second (elsewhere).
    None when there is no such process, or only a zombie of it is left.
    """
    if sys.platform == "linux":
        fields = _stat(pid)
        # Of a program with many threads the first may be a zombie while the others still hold its ports and files.
        if fields is None or fields[0] == "X" or (fields[0] == "Z" and int(fields[17]) <= 1):
            return None
        return f"{_boot_id()}/{fields[19]}"
    said = _ps("-o", "stat=,lstart=", "-p", str(pid)).split(maxsplit=1)
    return said[1].strip() if len(said) == 2 and not said[0].startswith("Z") else None


def command_line(pid: int) -> str:
    """The process's arguments joined by spaces; empty when there is no such process or it is not ours to read."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    return _ps("-o", "command=", "-p", str(pid)).strip()


def children(pid: int) -> list[int]:
    """The pids of the processes whose parent is `pid`, in no order."""
    if sys.platform == "linux":
        numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [n for n in numbers if (fields := _stat(n)) is not None and int(fields[1]) == pid]
    rows = (line.split() for line in _ps("-A", "-o", "pid=,ppid=").splitlines())
    return [int(row[0]) for row in rows if len(row) == 2 and int(row[1]) == pid]


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, UnicodeDecodeError):
        return None
    # The second field is the program's name in brackets and may itself hold spaces and brackets.
    return text.rpartition(")")[2].split()


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "boot"


def _ps(*arguments: str) -> str:
    return subprocess.run(("ps", *arguments), capture_output=True, text=True, check=False).stdout
