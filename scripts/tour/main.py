"""The tour within its namespaces; scripts/tour.sh says what it is and calls this."""

import argparse
import os
import shlex
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import compose
import steps
from system import Image, System, say


class StandIn(BaseHTTPRequestHandler):
    """Answers at Grafana's port, since Debian has no Grafana."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"stand-in")

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    for name in ("root", "config", "programs", "postgres", "scratch", "profiles", "test"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    with open(given.config) as file:
        services = compose.active(compose.read(file.read()), given.profiles.split(","))
    with open(f"{given.root}/docker/Dockerfile") as file:
        image = Image(file.read())
    system = System(services, image, given.root, given.programs, given.postgres, given.scratch)
    try:
        tour(system, services, shlex.split(given.test))
    finally:
        for name in reversed(system.running):
            if system.running[name].poll() is None:
                system.running[name].terminate()
        for process in system.running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def tour(system, services, test):
    system.prepare()
    routes = compose.routes(services)
    system.answer_names([route.host for route in routes])
    order = compose.in_order(services)
    say(f"==> starting {', '.join(order)}")
    for name in order:
        system.up(name)
    for name in order:
        if name not in ("worker", "secrets", "seed"):
            system.wait(name, "service_healthy")
    proxy(system, routes)
    # On every address: the name `grafana` has one of its own.
    stand_in = HTTPServer(("0.0.0.0", 3000), StandIn)
    threading.Thread(target=stand_in.serve_forever, daemon=True).start()
    with open("/run/secrets/mlp_token") as file:
        token = file.read().strip()
    domain = next(route.host for route in routes if route.service == "api")
    one = steps.Tour(system, domain, token)
    one.first_model()
    one.loop()
    one.doors()
    one.traffic()
    one.watched()
    one.brokered()
    one.dashboards(test)
    one.stop_and_start()


def proxy(system, routes):
    """nginx with the rules of the Traefik labels, on port 80."""
    directory = f"{system.scratch}/nginx"
    os.makedirs(directory)
    with open(f"{directory}/conf", "w") as file:
        file.write(compose.nginx(routes, directory))
    system.start_as("nginx", ["nginx", "-p", directory, "-c", f"{directory}/conf"], None, {})
    for route in routes:
        hidden = "".join(f", but for {path}" for path in route.hidden)
        say(f"      proxy: http://{route.host} -> {route.service}:{route.port}{hidden}")


if __name__ == "__main__":
    sys.exit(main())
