"""Run inside the image: does what a developer does who adds a field to two records."""

import json
from importlib import resources
from pathlib import Path

ADDED = {"name": "channel", "type": ["null", "string"], "default": None}
room = Path(str(resources.files("schemas")))
records = (room / "records.py").read_text()
for file, record, last in (
    ("journal_entry", "JournalEntry", "    origin: Origin\n"),
    ("delivery", "Delivery", "    delivered_at: datetime\n"),
):
    text = (room / f"{file}.avsc").read_text()
    versions = list((room / "history").glob(f"{file}-*.avsc"))
    (room / "history" / f"{file}-{len(versions) + 1}.avsc").write_text(text)
    schema = json.loads(text)
    schema["fields"].insert(1, ADDED)
    (room / f"{file}.avsc").write_text(json.dumps(schema))
    start = records.index(f"class {record}:")
    after = records.index(last, start) + len(last)
    records = records[:after] + '    channel: str | None = "phone"\n' + records[after:]
(room / "records.py").write_text(records)
