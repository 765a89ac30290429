"""The contracts that this process has declared, by name."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misstep.contracts.contract import Contract

_declared: dict[str, dict[tuple[int, int], type[Contract]]] = {}
_lock = threading.Lock()


def declare(contract: type[Contract]) -> None:
    """Remember a contract. Declared again (a module read anew), the newer class takes the older one's place."""
    identity = contract.__contract__
    with _lock:
        _declared.setdefault(identity.name, {})[identity.major, identity.minor] = contract


def contracts_declared() -> dict[str, tuple[type[Contract], ...]]:
    """Every contract declared in this process: by name, the versions of each ascending."""
    with _lock:
        return {
            name: tuple(versions[number] for number in sorted(versions)) for name, versions in sorted(_declared.items())
        }
