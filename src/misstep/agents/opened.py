"""Dependencies that are open: made in order, closed in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog

from misstep.agents.down import is_down
from misstep.agents.provider import Provider, is_settings, type_name
from misstep.agents.wiring_settings import read_settings
from misstep.errors import MisstepError, ServerUnreachable, UsageError

log = structlog.get_logger(__name__)


class Opened:
    """The instances, by type, until they are closed."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = providers
        self.instances: dict[Any, Any] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._close = asyncio.Event()
        # One task opens and closes them all: clients with cancel scopes (anyio) must be left by the task that entered.
        self._task = asyncio.create_task(self._live(), name="dependencies")

    async def ready(self) -> None:
        """Wait until all are open. Raises what kept one of them from it; those before it are closed by then."""
        try:
            await asyncio.shield(self._ready)
        except asyncio.CancelledError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close them in reverse order. One that fails to close is logged and keeps no other from it."""
        self._close.set()
        await asyncio.shield(self._task)

    async def _live(self) -> None:
        failed: BaseException | None = None
        async with AsyncExitStack() as stack:
            for provider in self._providers:
                try:
                    await self._enter(stack, provider)
                except Exception as error:  # noqa: BLE001  # it is handed on below, once the others are closed
                    failed = error
                    break
            else:
                if not self._ready.done():
                    self._ready.set_result(None)
                await self._close.wait()
        if failed is not None and not self._ready.done():
            self._ready.set_exception(failed)

    async def _enter(self, stack: AsyncExitStack, provider: Provider) -> None:
        what = f"{provider.where}: provider {provider.function.__name__}"
        arguments = {
            name: read_settings(kind, what=what) if is_settings(kind) else self.instances[kind]
            for name, kind in provider.needs
        }
        context = asynccontextmanager(provider.function)(**arguments)
        try:
            self.instances[provider.provides] = await context.__aenter__()
        except MisstepError:
            raise
        except Exception as error:  # whatever a driver raises: the first one is kept, in one sentence
            raise _could_not_open(provider, what, error) from error

        async def leave() -> None:
            try:
                await context.__aexit__(None, None, None)
            except Exception as error:  # noqa: BLE001  # the others must close all the same
                log.warning("a dependency did not close", dependency=provider.dependency, error=repr(error))

        stack.push_async_callback(leave)


def _could_not_open(provider: Provider, what: str, error: Exception) -> MisstepError:
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if is_down(error):
        return ServerUnreachable(
            f"{what}: {provider.dependency} does not answer ({said}); start it, or mend its settings."
        )
    return UsageError(f"{what} could not open {type_name(provider.provides)} ({said}); mend it.")
