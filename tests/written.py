"""The output of a JsonLines, for the tests of several subpackages."""

import json

from audithooks.sinks import JsonLines


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def written(path, dispatcher, event, *args, **options):
    """Return the record that a JsonLines with *options* writes of an event."""
    with JsonLines(path, **options) as sink, dispatcher.subscribe(sink, event):
        dispatcher.audit(event, *args)
    return records(path)[-1]
