"""What the tour looks at, through the proxy as people reach it."""

import json
import os
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request

from system import say, wait_for

PERSON = {
    "name": "Family", "people_num": 3, "people_age": [35, 33, 4], "children_num": 1,
    "budget": 420.75, "nights": 5, "time_arrival": "2026-01-15", "pool": True, "spa": False,
    "pet_friendly": False, "lake": True, "mountain": True, "sport": False,
}


def ask(url, method="GET", body=None, token=None, timeout=40):
    """The status and the text of an answer; 0 where nobody answers."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def must(what, status, *args, **more):
    """An answer that must have this status, read as JSON where it is some."""
    found, text = ask(*args, **more)
    if found != status:
        raise SystemExit(f"FAIL  {what}: {found} instead of {status}: {text[:300]}")
    try:
        return json.loads(text)
    except ValueError:
        return text


class Tour:
    """The steps, in order; each says what it saw, or ends the tour."""

    def __init__(self, system, domain, token):
        self.system, self.token = system, token
        self.domain, self.site = domain, f"http://{domain}"

    def ok(self, text):
        say(f"ok    {text}")

    def first_model(self):
        """The database was filled, and the worker trains on that."""
        wait_for("the site behind the proxy", 30, lambda: ask(f"{self.site}/readyz")[0] == 200)

        def models():
            return must("/readyz", 200, f"{self.site}/readyz")["models"]

        wait_for("the first model", 120, lambda: models() > 0)
        ready = must("/readyz", 200, f"{self.site}/readyz")
        self.ok(f"{self.site} is ready: {ready['items']} items, {ready['models']} model")

    def loop(self):
        """Start, status, results, select, rank."""
        task = must("start", 200, f"{self.site}/inference/start", "POST", PERSON)["task_id"]
        status = must("status", 200, f"{self.site}/inference/status/{task}?wait=10")["status"]
        if status != "SUCCESS":
            raise SystemExit(f"FAIL  the inference is {status} after 10 s")
        rows = must("results", 200, f"{self.site}/inference/results/{task}?limit=10")
        scores = [row["score"] for row in rows]
        if len(rows) != 10 or scores != sorted(scores, reverse=True):
            raise SystemExit(f"FAIL  results are not ten by descending score: {scores}")
        choice = {"task_id": task, "location_id": rows[0]["location_id"]}
        picked = must("select", 200, f"{self.site}/inference/select", "PUT", choice)
        if picked["label"] != 1:
            raise SystemExit(f"FAIL  the choice is not a label: {picked}")
        self.ok(f"start, status, results ({len(rows)} rows), select: label {picked['label']}")
        ranked = must("rank", 200, f"{self.site}/inference/rank?limit=3", "POST", PERSON)
        self.ok(f"rank: {len(ranked['results'])} rows by model {ranked['model_id']}")

    def doors(self):
        """What is open, what needs the token, and what nobody outside may see."""
        info = f"{self.site}/content/info"
        must("content without a token", 401, info)
        must("content with a wrong token", 401, info, token="wrong")
        counts = must("content with the token", 200, info, token=self.token)
        self.ok(f"/content/info: 401 without the token, with it {counts}")
        hidden = ("/metrics", "/metrics/", "//metrics", "/./metrics", "/%6detrics", "/docs/../metrics")
        for path in hidden:
            must(f"{path} through the proxy", 404, self.site + path)
        if "api_request_total" not in must("/metrics within", 200, "http://api:4789/metrics"):
            raise SystemExit("FAIL  /metrics has no api_request_total")
        self.ok("/metrics: 404 through the proxy however it is written, 200 within")
        must("/docs", 200, f"{self.site}/docs")
        must("/openapi.json", 200, f"{self.site}/openapi.json")
        must("an unknown host", 404, "http://127.0.0.1/")
        if "stand-in" not in must("Grafana's host", 200, f"http://grafana.{self.domain}/"):
            raise SystemExit("FAIL  the host of Grafana does not lead to its port")
        self.ok(f"/docs and /openapi.json; grafana.{self.domain} leads to Grafana's port")

    def traffic(self):
        """Simulated people through the proxy, by their program's --domain."""
        report = f"{self.system.scratch}/traffic.json"
        done = subprocess.run(
            ["traffic_generator", "--domain", self.domain, "-p", "8", "-n", "500", "--no-sleep",
             "--config", f"{self.system.root}/config/user.tsv", "--json", report],
            capture_output=True, text=True, cwd=self.system.scratch)
        if done.returncode:
            raise SystemExit(f"FAIL  traffic: {done.stderr}")
        with open(report) as file:
            found = json.load(file)
        for trouble in ("errors", "lost", "unfinished"):
            if found[trouble]:
                raise SystemExit(f"FAIL  traffic: {found[trouble]} {trouble}")
        self.ok(f"traffic_generator --domain {self.domain}: "
                f"{found['sessions']} sessions, 0 errors, 0 lost")

    def watched(self):
        """Every target of Prometheus is up, and it has what the API counts."""
        def targets():
            status, text = ask("http://prometheus:9090/api/v1/targets?state=active")
            found = json.loads(text)["data"]["activeTargets"] if status == 200 else []
            return [(t["labels"]["job"], t["health"]) for t in found]

        def up():
            found = targets()
            return "mlp" in dict(found) and all(health == "up" for _, health in found)

        wait_for("Prometheus's targets, to be up", 90, up)
        query = "http://prometheus:9090/api/v1/query?query=sum(api_request_total)"
        wait_for("api_request_total in Prometheus", 60,
                 lambda: json.loads(ask(query)[1])["data"]["result"])
        self.ok(f"Prometheus: {', '.join(f'{job} {health}' for job, health in sorted(targets()))}")

    def brokered(self):
        """Where the profile `celery` runs, workers of ours listen to RabbitMQ."""
        if "rabbitmq" not in self.system.services:
            return
        queue = self.system.environment("worker")["CELERY_QUEUE"] or "celery"
        found = self.system.within("rabbitmq", ["rabbitmqctl", "-q", "list_queues", "name", "consumers"])
        consumers = dict(line.split("\t") for line in found.splitlines()[1:])
        if int(consumers.get(queue, 0)) == 0:
            raise SystemExit(f"FAIL  nobody listens to the queue `{queue}` of RabbitMQ: {consumers}")
        self.ok(f"RabbitMQ: the queue `{queue}` has {consumers[queue]} consumers")

    def dashboards(self, test):
        """Every query of the dashboards, by the test that knows them."""
        if not test:
            say("      dashboards: no test `live_dashboards` in this tree")
            return
        env = self.system.environment("api")
        with open("/run/secrets/database_pass") as file:
            password = urllib.parse.quote(file.read().strip(), safe="")
        user, host, database = (env[f"DATABASE_{part}"] for part in ("USER", "HOST", "SCHEMA"))
        url = f"postgres://{user}:{password}@{host}/{database}"
        # A rate needs two looks of Prometheus, 15 s apart, with people in between.
        people = subprocess.Popen(
            ["traffic_generator", "--domain", self.domain, "-p", "4",
             "--config", f"{self.system.root}/config/user.tsv"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.system.scratch)
        try:
            done = subprocess.run(
                [*test, "--ignored", "live_dashboards"], capture_output=True, text=True,
                cwd=f"{self.system.root}/mlp-tools",
                env={**os.environ, "MLP_LIVE_PROMETHEUS": "http://prometheus:9090",
                     "MLP_LIVE_POSTGRES": url})
        finally:
            people.terminate()
            people.wait()
        if done.returncode or " 0 passed" in done.stdout:
            raise SystemExit(f"FAIL  dashboards: {done.stdout[-3000:]}{done.stderr[-2000:]}")
        self.ok("dashboards: every query is answered")

    def stop_and_start(self):
        """API and worker stopped under load within their periods; what was accepted is there afterwards."""
        accepted, choices, over = [], [], threading.Event()

        def person():
            while not over.is_set():
                status, text = ask(f"{self.site}/inference/start", "POST", PERSON)
                if status == 200:
                    accepted.append(json.loads(text)["task_id"])
                status, text = ask(f"{self.site}/inference/rank?limit=1", "POST", PERSON)
                if status == 200:
                    ranked = json.loads(text)
                    best = ranked["results"][0]["location_id"]
                    choice = {"task_id": ranked["task_id"], "location_id": best}
                    if ask(f"{self.site}/inference/select", "PUT", choice)[0] == 200:
                        choices.append(choice)

        people = [threading.Thread(target=person) for _ in range(4)]
        for one in people:
            one.start()
        wait_for("100 accepted inferences", 30, lambda: len(accepted) > 100)
        took = {name: self.system.stop(name) for name in ("worker", "api")}
        over.set()
        for one in people:
            one.join()
        for name, (status, _) in took.items():
            if status != 0:
                raise SystemExit(f"FAIL  {name} ended with {status}:\n{self.system.log(name)}")
        for name in ("api", "worker"):
            self.system.up(name)
        self.system.wait("api", "service_healthy")
        for task in accepted:
            status = must("a task after the stop", 200, f"{self.site}/inference/status/{task}?wait=20")
            if status["status"] != "SUCCESS":
                raise SystemExit(f"FAIL  task {task} is {status['status']} after the stop")
        for choice in choices:
            path = f"/content/results/{choice['task_id']}"
            rows = must("results after the stop", 200, self.site + path, token=self.token)
            if not any(r["location_id"] == choice["location_id"] and r["label"] == 1 for r in rows):
                raise SystemExit(f"FAIL  the choice {choice} is lost")
        seconds = ", ".join(f"{name} {took[name][1]:.1f} s" for name in took)
        self.ok(f"stopped under load ({seconds}), started again: {len(accepted)} accepted inferences "
                f"and {len(choices)} choices, none lost")
