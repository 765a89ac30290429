"""Fetching the broker's jars: from a Maven repository on this machine, so that it can be made to fail."""

import functools
import http.server
import io
import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from misstep.dev.cancel import StartCancelledError
from misstep.dev.kafka_jars import KAFKA_VERSION, Jar, class_path, pinned_jars
from misstep.dev.ports import free_port
from misstep.dev.progress import Lines
from misstep.errors import MisstepError, ServerUnreachable

# Small ones, so that what a test breaks is quickly put right.
SMALL = min(pinned_jars(), key=lambda jar: jar.bytes)
OTHER = next(jar for jar in pinned_jars() if jar.artifact == "slf4j-api")


@dataclass
class Remote:
    """A Maven repository behind HTTP; `asked` are the jars that it was asked for."""

    address: str
    directory: Path
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def whole() -> Path:
    """The user's own repository, with every jar in it."""
    jar = pinned_jars()[0]
    path = class_path()[0]
    for _ in range(len(jar.group.split(".")) + 3):
        path = path.parent
    return path


@pytest.fixture
def repository(whole: Path, tmp_path: Path) -> Path:
    """A repository of the test's own in which every jar is whole."""
    for jar in pinned_jars():
        jar.path(tmp_path).parent.mkdir(parents=True, exist_ok=True)
        jar.path(tmp_path).symlink_to(jar.path(whole))
    return tmp_path


@pytest.fixture
def remote(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    directory = tmp_path_factory.mktemp("remote")
    for jar in (SMALL, OTHER):
        jar.path(directory).parent.mkdir(parents=True)
        shutil.copy(jar.path(whole), jar.path(directory))
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            if self.path.endswith(".jar"):
                asked.append(Path(self.path).name)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Remote(f"http://127.0.0.1:{server.server_address[1]}", directory, asked)
    server.shutdown()
    thread.join()
    server.server_close()


def corrupt(jar: Jar, repository: Path) -> None:
    """Same size, other bytes."""
    path = jar.path(repository)
    path.unlink(missing_ok=True)
    path.write_bytes(b"\0" * jar.bytes)


def test_the_list_names_each_jar_of_one_kafka_exactly_once():
    jars = pinned_jars()
    assert len({(jar.group, jar.artifact) for jar in jars}) == len(jars) >= 45
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {KAFKA_VERSION}
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in jars)


def test_whole_jars_are_used_without_asking_the_network(repository: Path, remote: Remote):
    assert class_path(repository=repository, remote=remote.address) == [jar.path(repository) for jar in pinned_jars()]
    assert remote.asked == []


def test_a_missing_and_a_corrupted_jar_are_downloaded_again(repository: Path, remote: Remote):
    SMALL.path(repository).unlink()
    corrupt(OTHER, repository)
    seen = io.StringIO()
    class_path(repository=repository, remote=remote.address, reporter=Lines(seen))
    assert sorted(remote.asked) == sorted([SMALL.name, OTHER.name])
    assert SMALL.is_whole(repository)
    assert OTHER.is_whole(repository)
    assert seen.getvalue() == f"Fetching Apache Kafka {KAFKA_VERSION} (2 jars, once for all projects), 0 MB\n"


def test_other_bytes_than_the_pinned_ones_are_refused_and_thrown_away(repository: Path, remote: Remote):
    SMALL.path(repository).unlink()
    corrupt(SMALL, remote.directory)
    with pytest.raises(MisstepError, match=rf"{SMALL.name} arrived 3 times with another sha256"):
        class_path(repository=repository, remote=remote.address)
    assert not SMALL.path(repository).exists()


def test_a_jar_that_the_repository_does_not_have(repository: Path, remote: Remote):
    SMALL.path(repository).unlink()
    SMALL.path(remote.directory).unlink()
    with pytest.raises(ServerUnreachable, match=rf"{SMALL.name}.* could not be downloaded"):
        class_path(repository=repository, remote=remote.address)


def test_no_network(repository: Path):
    SMALL.path(repository).unlink()
    with pytest.raises(ServerUnreachable, match=r"check the network or proxy and run `misstep up` again") as caught:
        class_path(repository=repository, remote=f"http://127.0.0.1:{free_port()}", timeout_s=1)
    assert caught.value.exit_code == 3


def test_two_who_fetch_at_once_fetch_once(repository: Path, remote: Remote):
    SMALL.path(repository).unlink()
    OTHER.path(repository).unlink()
    with ThreadPoolExecutor(2) as pool:
        for found in [pool.submit(class_path, repository=repository, remote=remote.address) for _ in range(2)]:
            assert len(found.result()) == len(pinned_jars())
    assert sorted(remote.asked) == sorted([SMALL.name, OTHER.name])


def test_a_cancelled_download_leaves_no_half_of_a_jar(repository: Path, remote: Remote):
    SMALL.path(repository).unlink()
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(StartCancelledError):
        class_path(repository=repository, remote=remote.address, cancel=cancel)
    assert not SMALL.path(repository).exists()


def test_a_repository_that_cannot_be_written(repository: Path, tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(MisstepError, match="cannot be written below"):
        class_path(repository=file / "repository")
