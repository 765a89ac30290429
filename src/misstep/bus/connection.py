"""How this process reaches the cluster: its address, and whatever else a secured cluster asks for.

A process talks to one cluster. The composition root says once what every client of it needs besides the address; who
makes a client begins with `connection(bootstrap)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaException, Producer

from misstep.errors import UsageError

Config = dict[str, Any]

_ALLOWED: Final = ("security.", "sasl.", "ssl.", "enable.ssl.", "enable.sasl.", "https.", "client.dns.", "client.rack")
_ALLOWED_TOO: Final = ("broker.address.", "socket.", "reconnect.", "connections.", "metadata.", "topic.metadata.")
_JAVA: Final = {
    "sasl.jaas.config": "`sasl.username` and `sasl.password`",
    "ssl.truststore.location": "`ssl.ca.location`, a PEM file",
    "ssl.truststore.password": "`ssl.ca.location`, a PEM file, which has no password",
    "ssl.truststore.type": "`ssl.ca.location`, a PEM file",
    "ssl.keystore.type": "`ssl.keystore.location`, which is PKCS#12, or `ssl.certificate.location`",
}
_every_client: Config = {}


def connection(bootstrap: str) -> Config:
    """What every client of the cluster is made with."""
    return {"bootstrap.servers": bootstrap, **_every_client}


def connect_with(settings: Mapping[str, str]) -> None:
    """From now on each client that this process makes has these settings too."""
    _every_client.clear()
    _every_client.update(settings)


def connection_settings(file: Path) -> dict[str, str]:
    """Read a file of client settings: `name=value` a line, by librdkafka's names; `#` begins a comment.

    Only how the cluster is reached can be set: what is read, written and committed, and how, is Misstep's to say.
    Raises UsageError, which names file and line, but no value: some are secrets.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"MISSTEP_KAFKA_CONFIG: {file} cannot be read: {why}.") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name:
            raise UsageError(f"MISSTEP_KAFKA_CONFIG: {file}, line {number} is no `name=value`.")
        if name in _JAVA:
            raise UsageError(
                f"MISSTEP_KAFKA_CONFIG: {file}, line {number}: {name} is for Java; here it is {_JAVA[name]}."
            )
        if not name.startswith((*_ALLOWED, *_ALLOWED_TOO)):
            raise UsageError(
                f"MISSTEP_KAFKA_CONFIG: {file}, line {number}: {name} is not about how the cluster is reached "
                "(security.*, sasl.*, ssl.*, socket.* and the like are)."
            )
        found[name] = value
    try:
        Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0, **found})  # reads settings, and connects to none
    except KafkaException as error:
        raise UsageError(f"MISSTEP_KAFKA_CONFIG: {file}: {error.args[0].str()}.") from None
    return found
