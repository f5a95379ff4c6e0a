"""The Python side of the tests in one process: a command in JSON on each line of standard input, its
answer on a line of standard output. An error is answered as {"error": "..."}.
"""

import json
import sys
import time
from datetime import datetime, timedelta, timezone

from kombu import Connection

from tasks import app


def send(c):
    options = {k: c[k] for k in ("countdown", "expires") if k in c}
    result = app.send_task(
        c.get("task", "mlp.inference"), args=c.get("args", []), kwargs=c.get("kwargs", {}),
        queue=c["queue"], retry=True, **options,
    )
    return {"id": result.id}


def state(c):
    """What AsyncResult knows right now."""
    return {"state": app.AsyncResult(c["id"]).state}


def result(c):
    """Waits for the end as a caller does, and reads all that AsyncResult has to say."""
    found = app.AsyncResult(c["id"])
    seen, end = [], time.monotonic() + c.get("timeout", 20)
    while True:
        now = found.state
        if not seen or seen[-1] != now:
            seen.append(now)
        if found.ready():
            break
        if time.monotonic() > end:
            return {"seen": seen, "state": now, "error_type": None, "value": None}
        time.sleep(0.05)
    said = {"seen": seen, "state": found.state, "value": None, "error_type": None}
    try:
        said["value"] = found.get(timeout=5)
    except Exception as error:
        said["error_type"] = type(error).__name__
        said["bases"] = [base.__name__ for base in type(error).__mro__]
        said["message"] = str(error)
    said["traceback"] = found.traceback
    done = found.date_done
    if isinstance(done, datetime):
        if done.tzinfo is None:
            done = done.replace(tzinfo=timezone.utc)
        said["age"] = (datetime.now(timezone.utc) - done).total_seconds()
    said["date_done_type"] = type(done).__name__
    return said


def revoke(c):
    app.control.revoke(c["id"])
    return {}


def ping(c):
    """The workers that answer."""
    return {"workers": [name for reply in app.control.ping(timeout=c.get("timeout", 1.0))
                        for name in reply]}


def age(c):
    """Takes a task's message and puts it back with its `expires` in the past. What else waits goes back
    as it is when the connection ends.
    """
    with Connection(app.conf.broker_url) as connection:
        channel = connection.default_channel
        while True:
            raw = channel.basic_get(c["queue"])
            if raw is None:
                raise LookupError("the queue does not have it")
            if raw.headers.get("id") == c["id"]:
                break
        past = datetime.now(timezone.utc) - timedelta(seconds=5)
        headers = dict(raw.headers, expires=past.isoformat())
        had = raw.headers.get("expires")
        keep = ("content_type", "content_encoding", "correlation_id", "reply_to", "delivery_mode",
                "priority")
        properties = {k: v for k, v in raw.properties.items() if k in keep}
        body = raw.body if isinstance(raw.body, bytes) else raw.body.encode()
        message = channel.prepare_message(
            body, priority=properties.get("priority"), content_type=raw.content_type,
            content_encoding=raw.content_encoding, headers=headers,
            properties={k: v for k, v in properties.items()
                        if k not in ("content_type", "content_encoding", "priority")},
        )
        channel.basic_publish(message, exchange="", routing_key=c["queue"])
        channel.basic_ack(raw.delivery_tag)
        return {"had": had}


COMMANDS = {f.__name__: f for f in (send, state, result, revoke, ping, age)}

print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    try:
        answer = COMMANDS[command["do"]](command)
    except Exception as error:  # The test decides what an error means.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer, default=str), flush=True)
