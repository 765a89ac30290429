"""Pytest plugin: mounts the project that is tested as the package `rooms`, as `misstep run` does."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Mount the rooms of pytest's root directory, if it is a project (it has the room `saga/`)."""
    root = config.rootpath
    if (root / "saga").is_dir() and (root / "pyproject.toml").is_file():
        from misstep.saga.mount import mount_rooms  # only a project's tests load what it takes

        mount_rooms(root)
