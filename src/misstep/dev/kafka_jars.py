"""The jars of Apache Kafka's broker: an exact list, fetched once for each user, verified by sha256."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from misstep.dev.cancel import StartCancelledError, check_cancelled
from misstep.dev.lock import exclusive
from misstep.dev.progress import Reporter, Silent
from misstep.errors import MisstepError, ServerUnreachable

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.3.0"
AT_ONCE = 8
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned artifact. `bytes` is its size."""

    group: str
    artifact: str
    version: str
    bytes: int
    sha256: str

    def path(self, repository: Path) -> Path:
        """Where a Maven repository keeps it."""
        return repository.joinpath(*self.group.split("."), self.artifact, self.version, self.name)

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.jar"

    def is_whole(self, repository: Path) -> bool:
        """Whether the file is there and is, byte for byte, the one that was pinned."""
        path = self.path(repository)
        try:
            if path.stat().st_size != self.bytes:
                return False
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


@cache
def pinned_jars() -> tuple[Jar, ...]:
    """The broker's class path, in order of coordinates."""
    lines = files("misstep.dev").joinpath("kafka_jars.txt").read_text().splitlines()
    return tuple(_parsed(line) for line in lines if line and not line.startswith("#"))


def _parsed(line: str) -> Jar:
    coordinate, size, sha256 = line.split()
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, int(size), sha256)


def class_path(
    *,
    repository: Path | None = None,
    reporter: Reporter | None = None,
    cancel: threading.Event | None = None,
    remote: str | None = None,
    timeout_s: int = 20,
) -> list[Path]:
    """Paths of every jar, each verified; what is missing or corrupted is downloaded (again).

    `repository` is the directory to keep them in; default: the user's Maven repository, so that they are fetched once
    for all projects. `remote` is the address of the Maven repository to fetch from; default: Maven's own.
    `timeout_s`: how long the network may stay silent.

    Raises ServerUnreachable when a jar cannot be downloaded, MisstepError when what arrives is not what was pinned,
    StartCancelledError when `cancel` is set.
    """
    # Imported where it is needed: it takes a quarter of a second, and most commands start no broker.
    from jgo.maven import MavenContext

    remotes = {"given": remote} if remote else None
    context = MavenContext(repo_cache=repository, remote_repos=remotes, timeout=timeout_s)
    repository = context.repo_cache
    assert repository is not None
    jars = pinned_jars()
    if _not_whole(jars, repository):
        shown = reporter or Silent()
        waiting = f"Waiting for another process that fetches Apache Kafka {KAFKA_VERSION}"
        try:
            with exclusive(repository / ".misstep-kafka.lock", on_wait=lambda: shown.say(waiting), cancel=cancel):
                # Looked at again: whoever held the lock before may have fetched them.
                missing = _not_whole(jars, repository)
                if missing:
                    _fetch(missing, context, repository, shown, cancel)
        except OSError as error:
            raise MisstepError(
                f"the jars of Apache Kafka cannot be written below {repository} ({error.strerror}): "
                "make that directory writable, or point MISSTEP_KAFKA at a broker of your own."
            ) from error
    return [jar.path(repository) for jar in jars]


def _not_whole(jars: tuple[Jar, ...], repository: Path) -> list[Jar]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        whole = pool.map(lambda jar: jar.is_whole(repository), jars)
        return [jar for jar, is_whole in zip(jars, whole, strict=True) if not is_whole]


def _fetch(
    missing: list[Jar], context: "MavenContext", repository: Path, reporter: Reporter, cancel: threading.Event | None
) -> None:
    from jgo.maven import PythonResolver

    given_up = threading.Event()

    def check() -> None:
        check_cancelled(cancel)
        check_cancelled(given_up)

    label = f"Fetching Apache Kafka {KAFKA_VERSION} ({len(missing)} jars, once for all projects)"
    with reporter.bar(label, sum(jar.bytes for jar in missing)) as advance:

        @contextmanager
        def arriving(_name: str, _total_bytes: int) -> Iterator[Callable[[int], None]]:
            def arrived(count: int) -> None:
                check()
                advance(count)

            yield arrived

        context.resolver = PythonResolver(progress_callback=arriving)
        pool = ThreadPoolExecutor(AT_ONCE)
        largest_first = sorted(missing, key=lambda jar: jar.bytes, reverse=True)
        futures = [pool.submit(_fetch_one, jar, context, repository, check) for jar in largest_first]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            given_up.set()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _fetch_one(jar: Jar, context: "MavenContext", repository: Path, check: Callable[[], None]) -> None:
    path = jar.path(repository)
    failure: Exception | None = None
    for _ in range(ATTEMPTS):
        path.unlink(missing_ok=True)
        failure = None
        try:
            check()
            # One by one, without jgo's dependency management: that mixes in a kafka-clients of another release.
            context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except StartCancelledError:
            path.unlink(missing_ok=True)
            raise
        # jgo lets through whatever requests, urllib3 or the file system raise, and RuntimeError for a missing file.
        except Exception as error:  # noqa: BLE001
            failure = error
            continue
        if jar.is_whole(repository):
            return
    path.unlink(missing_ok=True)
    if failure is None:
        raise MisstepError(
            f"{jar.name} arrived {ATTEMPTS} times with another sha256 than the pinned one, and was thrown away: "
            "check the Maven mirror or proxy in use, then run `misstep up` again."
        )
    raise ServerUnreachable(
        f"{jar.name}, a part of Apache Kafka {KAFKA_VERSION}, could not be downloaded ({type(failure).__name__}): "
        "check the network or proxy and run `misstep up` again, or point MISSTEP_KAFKA at a broker of your own."
    ) from failure
