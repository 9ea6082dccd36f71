"""One order by a blocking client."""

import httpx

from bench.rivals import job

_CLIENT = httpx.Client(timeout=30)


def send(value: bytes) -> None:
    """Carry one order from BaseLinker to SALESmanago."""
    order_id = job.order_id_of(value)
    answer = _CLIENT.post(job.BASELINKER, data=job.question(order_id), headers=job.HEADERS).json()
    contact = _CLIENT.post(f"{job.SALESMANAGO}/contact/upsert", json=job.contact(answer)).json()
    event = job.purchase(answer, contact["contactId"])
    assert _CLIENT.post(f"{job.SALESMANAGO}/contact/addContactExtEvent", json=event).json()["success"]
