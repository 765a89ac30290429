"""Temporal under the saga's load: `run.py HOST:PORT activities|local burst N | paced RATE SECONDS`.

One worker with the pydantic data converter, as the Python SDK's guide has it, and the caller beside it in one process.
`local`: local activities, which its guide recommends for steps of milliseconds.
"""

import asyncio
import sys

import load
from saga import Fulfil, pay, price, refund, reserve, ship, tell, unprice, unreserve
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

address, kind, *arguments = sys.argv[1:]


async def main() -> None:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    activities = [reserve, unreserve, price, unprice, pay, refund, ship, tell]
    async with Worker(client, task_queue="race", workflows=[Fulfil], activities=activities):

        async def run_case(number: int) -> str:
            given = [load.case(number), kind == "local"]
            name = f"case-{kind}-{number}"
            return await client.execute_workflow(Fulfil.run, args=given, id=name, task_queue="race")

        await load.measure(run_case, arguments)


asyncio.run(main())
