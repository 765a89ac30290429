"""Which line of a dead server's log is shown."""

from pathlib import Path

import pytest

from misstep.dev.log_tail import MAX_LOG_BYTES, set_aside_if_large, telling_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "2026-01-01T00:00:00,000 ERROR Kafka: Exiting\njava.lang.RuntimeException: outer\n\tat a.b(c:1)\n"
            "Caused by: java.net.BindException: Address already in use\n\t... 3 more\n",
            "java.net.BindException: Address already in use",
            id="the innermost cause",
        ),
        pytest.param(
            "2026-01-01T00:00:00,000 ERROR Kafka: Exiting\njava.lang.RuntimeException: no voters\n\tat a.b(c:1)\n",
            "java.lang.RuntimeException: no voters",
            id="the exception",
        ),
        pytest.param(
            "Error occurred during initialization of VM\nCould not reserve enough space for object heap\n",
            "Could not reserve enough space for object heap",
            id="the JVM's own error",
        ),
        pytest.param(
            '2026-01-01 00:00:00.000 UTC [7] FATAL:  could not load "x"\n'
            "2026-01-01 00:00:00.001 UTC [7] LOG:  shut down\n",
            'FATAL:  could not load "x"',
            id="Postgres's fatal line",
        ),
        pytest.param("hello\n\n", "hello", id="any line"),
        pytest.param("", "it wrote nothing", id="none"),
    ],
)
def test_the_most_telling_line(tmp_path: Path, text: str, line: str):
    log = tmp_path / "server.log"
    log.write_text(text)
    assert telling_line(log) == line


def test_what_an_earlier_start_wrote_is_not_told_again(tmp_path: Path):
    log = tmp_path / "server.log"
    log.write_text("java.lang.RuntimeException: old\n")
    since = log.stat().st_size
    log.write_text(log.read_text() + "new\n")
    assert telling_line(log, since) == "new"


def test_a_log_over_its_limit_is_set_aside(tmp_path: Path):
    log = tmp_path / "server.log"
    log.write_bytes(b"x" * (MAX_LOG_BYTES + 1))
    set_aside_if_large(log)
    assert not log.exists()
    assert (tmp_path / "server.log.1").exists()
