"""What the processes' logs say that nobody asked for: crashes, and workers that gave up."""

from __future__ import annotations

import json
from pathlib import Path


class Incidents:
    """Reads logs on from where it stopped."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[Path, int] = {}

    def since_last(self) -> dict[str, int]:
        """What happened in any process since the last call, counted; our own kill -9 left out."""
        counted: dict[str, int] = {}
        for log in sorted(self._directory.glob("*.log")):
            with log.open("rb") as lines:
                lines.seek(self._read.get(log, 0))
                for line in lines:
                    incident = _incident(line)
                    if incident:
                        counted[f"{log.stem}: {incident}"] = counted.get(f"{log.stem}: {incident}", 0) + 1
                self._read[log] = lines.tell()
        return counted


def _incident(line: bytes) -> str:
    if line.startswith(b"Fatal Python error"):
        return line.decode("utf-8", "replace").strip()
    try:
        said = json.loads(line)
    except ValueError:
        return ""
    event = said.get("event", "")
    if event == "died, restarting in its slot":
        return "" if said.get("how") == "signal 9" else f"died ({said.get('how')}) and was restarted"
    if event in ("stopped", "cannot run", "cannot start"):
        return f"{event}: {said.get('why', said.get('exit_code', ''))}"[:300]
    if said.get("level") == "error" and event != "kafka client":
        raised = said.get("exception") or [{}]
        return f"{event}: {raised[0].get('exc_type', '')} {raised[0].get('exc_value', '')}"[:300].rstrip(" :")
    return ""
