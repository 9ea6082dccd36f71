"""faststream: one subscriber with an async handler, which awaits the APIs for each message."""

import asyncio

import httpx
from faststream import FastStream
from faststream.confluent import KafkaBroker

from bench.rivals import job

broker = KafkaBroker(job.KAFKA)
app = FastStream(broker)
_client = httpx.AsyncClient(timeout=30)


@broker.subscriber(  # type: ignore[untyped-decorator]  # of another environment
    f"{job.PREFIX}.journal", group_id=f"{job.PREFIX}-faststream", auto_offset_reset="earliest"
)
async def send(value: bytes) -> None:
    """Carry one order from BaseLinker to SALESmanago."""
    order_id = job.order_id_of(value)
    answer = (await _client.post(job.BASELINKER, data=job.question(order_id), headers=job.HEADERS)).json()
    contact = (await _client.post(f"{job.SALESMANAGO}/contact/upsert", json=job.contact(answer))).json()
    event = job.purchase(answer, contact["contactId"])
    done = await _client.post(f"{job.SALESMANAGO}/contact/addContactExtEvent", json=event)
    assert done.json()["success"]


if __name__ == "__main__":
    asyncio.run(app.run())
