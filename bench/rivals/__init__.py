"""The same job as people write it: for each message one getOrders, one upsert, one event, one after the other.

None of them keeps the promises: no look before a purchase is created, no ledger, no lanes. They show what a plain loop
costs. quixstreams needs an older confluent-kafka than ours, so the rivals have an environment of their own
(`requirements.txt`, `.venv-rivals`).
"""
