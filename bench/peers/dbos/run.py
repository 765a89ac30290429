"""DBOS under the saga's load: `run.py DSN burst N | paced RATE SECONDS`.

One process and one event loop, as `DBOS.launch` has it; each case is a workflow with an id of its own.
"""

import asyncio
import sys

import load
from dbos import DBOS, SetWorkflowID
from saga import fulfil

dsn, *arguments = sys.argv[1:]
DBOS(config={"name": "race", "system_database_url": dsn, "log_level": "ERROR", "run_admin_server": False})
DBOS.launch()


async def run_case(number: int) -> str:
    with SetWorkflowID(f"case-{number}"):
        return await fulfil(load.case(number))


asyncio.run(load.measure(run_case, arguments))
DBOS.destroy()
