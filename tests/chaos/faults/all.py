"""Every fault, in the order in which they are tried."""

from __future__ import annotations

from misstep.testing.chaos import Fault
from tests.chaos.faults import brokers, clock, disk, messages, network, postgres, processes, rights, transactions
from tests.chaos.site import Site

FAULTS: tuple[type[Fault[Site]], ...] = (
    processes.KillWorkers,
    processes.LoseWorker,
    processes.FreezeWorker,
    processes.KillCoordinator,
    processes.FreezeCoordinator,
    processes.KillSink,
    processes.FreezeSink,
    brokers.KillBroker,
    brokers.FreezeBroker,
    brokers.RollingRestart,
    brokers.KillController,
    brokers.KillTransactionCoordinator,
    brokers.LoseQuorum,
    brokers.LoseAll,
    network.Cut,
    network.CutRequests,
    network.CutAnswers,
    network.Refused,
    network.Delayed,
    network.IsolatedWorker,
    postgres.KillInCopy,
    postgres.PausePostgres,
    postgres.RestartPostgres,
    disk.DiskFull,
    clock.ClockJumps,
    processes.RebalanceStorm,
    messages.Poison,
    messages.Again,
    messages.Oversized,
    rights.MayNotWrite,
    rights.MayNotRead,
    transactions.HangingTransaction,
    network.LostCommitAnswers,
    network.LostAnswers,
)


def named(name: str) -> type[Fault[Site]]:
    """The fault of that name. KeyError when there is none."""
    return {fault.name: fault for fault in FAULTS}[name]
