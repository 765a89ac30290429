"""The register of purchase orders in Postgres."""

from __future__ import annotations

from collections.abc import Sequence

from rooms.agents.invoice_orders import PurchaseOrder, words_of_name
from rooms.agents.postgres.connections import Connection, Connections

MOST_ORDERS = 200
"""Orders looked at for one name: those that share most of its words."""

_LIKE = """
SELECT order_number, supplier, currency, purchase_limit, valid_from, valid_until
FROM purchase_orders
WHERE supplier_words && %(words)s::text[]
ORDER BY cardinality(ARRAY(SELECT unnest(supplier_words) INTERSECT SELECT unnest(%(words)s::text[]))) DESC, order_number
LIMIT %(most)s
"""


class PostgresOrders:
    """An `Orders`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def orders_like(self, company: str) -> Sequence[PurchaseOrder]:
        wanted = {"words": list(words_of_name(company)), "most": MOST_ORDERS}

        async def work(connection: Connection) -> Sequence[PurchaseOrder]:
            found = await connection.execute(_LIKE, wanted)
            return [PurchaseOrder(*row) for row in await found.fetchall()]

        return await self._connections.run(work)
