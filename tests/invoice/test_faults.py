import asyncio

import pytest
from rooms.agents.invoice_faults import Faults, FaultyOrders, parse_faults
from rooms.agents.invoice_in_memory import InMemoryOrders
from rooms.agents.invoice_reader import SlowReader
from rooms.contracts.invoice import Receipt

from misstep.errors import UsageError


def test_no_text_means_no_faults() -> None:
    assert parse_faults("") == Faults()


def test_shares_and_the_seed_are_read() -> None:
    assert parse_faults("seed=7, slow=0.05,orders_down=1") == Faults(seed=7, slow=0.05, orders_down=1.0)


@pytest.mark.parametrize("text", ["slow", "slow=much", "fast=0.5", "slow=1.5", "orders_down=-1"])
def test_what_is_not_understood_is_said_in_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match=r"^INVOICE_FAULTS: .*\.$"):
        parse_faults(text)


def test_a_seed_always_hits_the_same_and_about_the_share_that_was_asked() -> None:
    names = [f"sroie-{number:03}" for number in range(1_000)]
    hit = [name for name in names if Faults(seed=7, slow=0.1).hits("slow", name)]
    assert hit == [name for name in names if Faults(seed=7, slow=0.1).hits("slow", name)]
    assert hit != [name for name in names if Faults(seed=8, slow=0.1).hits("slow", name)]
    assert 70 < len(hit) < 130


def test_a_slow_reader_is_slow_for_the_chosen_alone() -> None:
    reader = SlowReader(lambda receipt_id: receipt_id == "slow", seconds=30)

    async def within_a_moment(receipt_id: str) -> bool:
        try:
            async with asyncio.timeout(0.2):
                await reader.read_receipt(Receipt(receipt_id=receipt_id, lines=()))
        except TimeoutError:
            return False
        return True

    assert not asyncio.run(within_a_moment("slow"))
    assert asyncio.run(within_a_moment("quick"))


def test_a_register_that_is_down_on_purpose_says_so() -> None:
    orders = FaultyOrders(InMemoryOrders(), Faults(orders_down=1.0))
    with pytest.raises(ConnectionError, match="on purpose"):
        asyncio.run(orders.orders_like("KEDAI"))
