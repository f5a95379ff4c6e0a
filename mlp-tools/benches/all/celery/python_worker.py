"""How many tasks a second Python's own Celery worker does: what ours is held against.

    CELERY_BROKER_URL=... CELERY_BACKEND_URL=... python python_worker.py --tasks 5000 --pool prefork

Publishes the tasks to a queue of its own, starts a worker, and prints a line of JSON: {"pool": ...,
"concurrency": ..., "tasks": ..., "tasks_per_s": ...}. A task does nothing but answer with 100 pairs of
an item and a score, so this is the worker's own speed. The clock runs from the first result that is
seen in Redis, so that the worker's start does not count, to the last one. What is acknowledged when,
and how many are fetched ahead, is as in our worker. Cleans up its queue and results.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import uuid

from celery import Celery

QUEUE = os.environ.get("MLP_BENCH_QUEUE") or f"mlp-bench-{uuid.uuid4().hex}"
PAIRS = [[item, 1.0 / item] for item in range(1, 101)]
USER = {
    "name": "bench", "people_num": 2, "people_age": [30, 31], "children_num": 0, "budget": 900.0,
    "nights": 3, "time_arrival": "2026-06-01", "pool": True, "spa": False, "pet_friendly": False,
    "lake": True, "mountain": False, "sport": True,
}

app = Celery(
    "python_worker",
    broker=os.environ["CELERY_BROKER_URL"],
    backend=os.environ["CELERY_BACKEND_URL"],
)
app.conf.update(
    task_default_queue=QUEUE,
    task_acks_late=True,
    task_ignore_result=False,
    worker_prefetch_multiplier=int(os.environ.get("MLP_BENCH_PREFETCH", "64")),
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": False},
    result_expires=600,
)


@app.task(name="mlp.inference")
def inference(user, candidates=None):
    return PAIRS


def publish(n):
    """The tasks, in the order in which they will be done."""
    ids = []
    with app.producer_pool.acquire(block=True) as producer:
        for _ in range(n):
            sent = inference.apply_async(
                args=[USER], kwargs={"candidates": None}, producer=producer, queue=QUEUE)
            ids.append(sent.id)
    return ids


def wait(redis, ids, worker, timeout):
    """The rate between the first look that finds a result and the one that finds all."""
    keys = [app.backend.get_key_for_task(task) for task in ids]
    begun, base, done = None, 0, 0
    end = time.monotonic() + timeout
    while done < len(keys):
        if worker.poll() is not None:
            raise SystemExit(f"the worker ended: {worker.returncode}")
        if time.monotonic() > end:
            raise SystemExit(f"only {done} of {len(keys)} tasks were done in {timeout} s")
        # They end almost in order: a look at the next few is enough.
        ahead = keys[done:done + 200]
        with redis.pipeline(transaction=False) as pipe:
            for key in ahead:
                pipe.exists(key)
            found = pipe.execute()
        gone = next((i for i, there in enumerate(found) if not there), len(found))
        done += gone
        now = time.monotonic()
        if begun is None and done:
            begun, base = now, done
        if gone < len(ahead):
            time.sleep(0.01)
    return (len(keys) - base) / (time.monotonic() - begun)


def clean_up(redis, ids):
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        channel.queue_delete(QUEUE)
        channel.exchange_delete(QUEUE)
    for start in range(0, len(ids), 1000):
        redis.delete(*[app.backend.get_key_for_task(task) for task in ids[start:start + 1000]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--pool", choices=("prefork", "solo"), default="prefork")
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds")
    options = parser.parse_args()
    concurrency = 1 if options.pool == "solo" else options.concurrency
    redis = app.backend.client
    ids = publish(options.tasks)
    place = os.path.dirname(os.path.abspath(__file__))
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "python_worker", "worker", "--pool", options.pool,
         "--concurrency", str(concurrency), "--queues", QUEUE, "--loglevel", "ERROR",
         "--without-gossip", "--without-mingle", "--without-heartbeat"],
        env=dict(os.environ, MLP_BENCH_QUEUE=QUEUE, PYTHONPATH=place, PYTHONDONTWRITEBYTECODE="1"),
        stdout=subprocess.DEVNULL, start_new_session=True,
    )
    try:
        rate = wait(redis, ids, worker, options.timeout)
    finally:
        worker.terminate()
        try:
            worker.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, 9)
            worker.wait()
        clean_up(redis, ids)
    print(json.dumps({"pool": options.pool, "concurrency": concurrency,
                      "tasks": options.tasks, "tasks_per_s": round(rate, 1)}))


if __name__ == "__main__":
    main()
