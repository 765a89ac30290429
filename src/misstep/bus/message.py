"""What confluent-kafka's Message says, with the types that it has when it was consumed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from confluent_kafka import Message

RawHeaders = Sequence[tuple[str, bytes | None]]


def headers_of(message: Message) -> RawHeaders:
    """A consumed message's headers in order, repeated names included; empty when it has none."""
    return cast(RawHeaders, message.headers() or ())
