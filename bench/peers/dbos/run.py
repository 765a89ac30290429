"""DBOS under the saga's load: `run.py DSN burst N | paced RATE SECONDS`.

Plain functions in threads, one for each case under way, as its documentation writes workflows; with `async` ones it
made up to a third fewer cases here. Each case is a workflow with an id of its own.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import load
from dbos import DBOS, SetWorkflowID
from saga import fulfil

dsn, *arguments = sys.argv[1:]
DBOS(config={"name": "race", "system_database_url": dsn, "log_level": "ERROR", "run_admin_server": False})
DBOS.launch()
threads = ThreadPoolExecutor(load.AT_ONCE)


def in_a_thread(number: int) -> str:
    with SetWorkflowID(f"case-{number}"):
        return fulfil(load.case(number))


async def run_case(number: int) -> str:
    return await asyncio.get_running_loop().run_in_executor(threads, in_a_thread, number)


asyncio.run(load.measure(run_case, arguments))
DBOS.destroy()
