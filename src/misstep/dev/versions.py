"""A data directory belongs to the version that wrote it."""

from pathlib import Path

from misstep.dev.atomic_file import write_atomically
from misstep.dev.kafka_jars import KAFKA_VERSION
from misstep.errors import UsageError

LAYOUT = "1"
POSTGRES_MAJOR = 18


def check_layout(data: Path) -> None:
    """Raises UsageError when `data` was laid out by another version of Misstep, or holds servers that it never made."""
    marker = data / "layout"
    if marker.exists():
        written = marker.read_text().strip()
        if written != LAYOUT:
            raise UsageError(
                f"{data} was laid out by another version of Misstep (layout {written or 'unknown'}, this one reads "
                f"{LAYOUT}): use that version, or choose another directory with MISSTEP_DATA, or remove this one."
            )
    elif any((data / room).exists() for room in ("kafka", "postgres")):
        raise UsageError(
            f"{data} holds kafka or postgres but no layout file, so Misstep did not make it: "
            "choose another directory with MISSTEP_DATA."
        )


def mark_layout(data: Path) -> None:
    """Say that this version laid `data` out."""
    if not (data / "layout").exists():
        write_atomically(data / "layout", LAYOUT + "\n")


def kafka_version(directory: Path) -> str:
    """The version of Kafka that runs, or last ran, on the broker's data; ours when there is none yet."""
    marker = directory / "version"
    return marker.read_text().strip() if marker.exists() else KAFKA_VERSION


def mark_kafka_version(directory: Path) -> None:
    """Say that this version of Kafka has written the broker's data."""
    if not (directory / "version").exists() or kafka_version(directory) != KAFKA_VERSION:
        write_atomically(directory / "version", KAFKA_VERSION + "\n")


def check_kafka_version(directory: Path) -> None:
    """Raises UsageError when the broker's data was written by another major or a later version of Kafka."""
    if not (directory / "data").exists():
        return
    marker = directory / "version"
    written = marker.read_text().strip() if marker.exists() else "unknown"
    here = _numbers(KAFKA_VERSION)
    if not written.replace(".", "").isdigit() or _numbers(written)[0] != here[0] or _numbers(written) > here:
        raise UsageError(
            f"{directory} was written by Kafka {written}, this is Kafka {KAFKA_VERSION}: use the version of Misstep "
            "that wrote it, or choose another directory with MISSTEP_DATA, or remove this one."
        )


def check_postgres_version(directory: Path) -> None:
    """Raises UsageError when the database's files were written by another major version of Postgres."""
    marker = directory / "data" / "PG_VERSION"
    if not marker.exists():
        return
    written = marker.read_text().strip()
    if written != str(POSTGRES_MAJOR):
        raise UsageError(
            f"{directory} was written by Postgres {written}, this is Postgres {POSTGRES_MAJOR}: dump it with the "
            "version of Misstep that wrote it, or choose another directory with MISSTEP_DATA, or remove this one."
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
