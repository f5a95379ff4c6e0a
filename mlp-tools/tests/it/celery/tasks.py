"""A Celery application as a team has it that moves over: the same environment variables, a worker in
Python. What its task does is said by the user's name, behind "test:".

MLP_TEST_NOTES is a file with a line for each execution that begins or ends; MLP_TEST_ITEMS is the
number of items, whose ids are 1 and up.
"""

import os
import signal
import threading
import time

from celery import Celery
from celery.signals import worker_init

app = Celery(
    "mlp_test",
    broker=os.environ["CELERY_BROKER_URL"],
    backend=os.environ["CELERY_BACKEND_URL"],
)
app.conf.update(
    task_default_queue=os.environ.get("CELERY_QUEUE") or "celery",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_track_started=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # Or a broker that is killed takes along what it had not written yet.
    broker_transport_options={"confirm_publish": True},
    worker_prefetch_multiplier=4,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    result_expires=600,
)

SLOW_S = 2.0
RETRY_S = 1.5


@worker_init.connect
def end_with_the_test(**_):
    """The test holds the other end of standard input; where it was killed nobody else ends us."""

    def watch():
        os.read(0, 1)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def note(task_id, what):
    """Appends in one write, which other processes' writes do not come between."""
    path = os.environ.get("MLP_TEST_NOTES")
    if path:
        line = f"{task_id} {what}\n".encode()
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line)
        finally:
            os.close(file)


def score(item):
    """Any order but the ids' own; the test makes the same."""
    return ((item * 37) % 101) / 101 + item / 1_000_000


def rank(candidates):
    items = candidates or range(1, int(os.environ.get("MLP_TEST_ITEMS", "100")) + 1)
    return [[item, score(item)] for item in items]


@app.task(bind=True, name="mlp.inference", max_retries=3)
def inference(self, user, candidates=None):
    note(self.request.id, "begin")
    name = user.get("name") if isinstance(user, dict) else None
    behaviour = name.partition("test:")[2] if isinstance(name, str) else ""
    if behaviour == "fail":
        raise ValueError("the test wants it to fail")
    if behaviour == "retry" and self.request.retries == 0:
        raise self.retry(countdown=RETRY_S, exc=RuntimeError("once more"))
    redelivered = (self.request.delivery_info or {}).get("redelivered")
    if behaviour == "slow" and not redelivered:
        time.sleep(SLOW_S)
    pairs = rank(candidates)
    note(self.request.id, "end")
    return pairs
