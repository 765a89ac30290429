"""The broker's data directory, laid out by Kafka's own tool."""

import base64
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path

from misstep.dev.cancel import check_cancelled
from misstep.dev.draft import draft_of, remove_left_over_drafts
from misstep.dev.java import TOOL_FLAGS, java_command, java_environment
from misstep.dev.kafka_config import server_properties
from misstep.dev.log_tail import size, telling_line
from misstep.errors import MisstepError


def format_storage(
    log_dir: Path, *, jars: Sequence[Path], log: Path, log_settings: Path, cancel: threading.Event | None = None
) -> None:
    """Lay `log_dir` out for a new cluster, as a whole or not at all; nothing when it is there.

    Raises MisstepError when the tool fails (what it said is in `log`), StartCancelledError.
    """
    remove_left_over_drafts(log_dir)
    if log_dir.exists():
        return
    with draft_of(log_dir) as draft, tempfile.NamedTemporaryFile("w", suffix=".properties") as properties:
        # The tool wants ports to be named; it does not keep them.
        properties.write(server_properties(log_dir=draft, port=1, controller_port=2))
        properties.flush()
        arguments = ("format", "--cluster-id", new_cluster_id(), "--config", properties.name)
        log_start = size(log)
        with log.open("ab") as output:
            done = subprocess.run(
                java_command(
                    "kafka.tools.StorageTool", *arguments, class_path=jars, flags=TOOL_FLAGS, log_settings=log_settings
                ),
                cwd=log_dir.parent,
                env=java_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                # Ctrl-C in a terminal goes to every process of the group; this one is short and cleaned up after.
                start_new_session=True,
            )
        if done.returncode != 0:
            raise MisstepError(
                f"Kafka's data directory could not be laid out, saying '{telling_line(log, log_start)}': "
                f"the whole log is {log}."
            )
        check_cancelled(cancel)


def new_cluster_id() -> str:
    """A random id of 22 characters. None begins with a dash, which the tool would take for an option."""
    while True:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not cluster.startswith("-"):
            return cluster
