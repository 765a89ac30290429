from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.models.provider import Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider().running() as running:
        yield running
