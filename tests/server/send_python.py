"""Sends calls with Segment's own Python library; run as a program: ADDRESS KEY FILE OPTIONS."""

import json
import sys

from segment.analytics.client import Client


def main(address: str, key: str, file: str, options: str) -> None:
    errors = []
    client = Client(
        write_key=key,
        host=address,
        on_error=lambda error, batch: errors.append(f"{error}: {len(batch)} calls"),
        max_queue_size=1_000_000,
        **json.loads(options),
    )
    with open(file) as lines:
        for line in lines:
            method, fields = json.loads(line)
            taken, _ = getattr(client, method)(**fields)
            assert taken
    client.shutdown()
    print(json.dumps(errors))


main(*sys.argv[1:])
