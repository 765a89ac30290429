"""LangGraph under the saga's load: `run.py DSN burst N | paced RATE SECONDS`.

The asynchronous Postgres checkpointer over a pool, as its page on checkpointer libraries has it. One saver lets one
operation through at a time (issue 7259 of langchain-ai/langgraph), so there are as many savers as this machine keeps
busy, each compiled with the same graph. Durability "async", its default: a checkpoint is written while the next step
runs, and the case is told done when the last one is.
"""

import asyncio
import sys

import load
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from saga import graph

SAVERS = 8

dsn, *arguments = sys.argv[1:]


async def main() -> None:
    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(dsn, min_size=SAVERS, max_size=SAVERS, kwargs=settings) as pool:
        savers = [AsyncPostgresSaver(pool) for _ in range(SAVERS)]
        await savers[0].setup()
        graphs = [graph.compile(checkpointer=saver) for saver in savers]

        async def run_case(number: int) -> str:
            thread = {"configurable": {"thread_id": f"case-{number}"}}
            done = await graphs[number % SAVERS].ainvoke({"given": load.case(number)}, thread, durability="async")
            return str(done["outcome"])

        await load.measure(run_case, arguments)


asyncio.run(main())
