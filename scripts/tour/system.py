"""The services of a compose file as processes of this machine, in the namespaces of the tour."""

import json
import os
import re
import signal
import subprocess
import time

import compose

# The users of the images that are not ours, as far as the file does not name a number.
SYSTEM_USERS = {"postgres": "postgres", "rabbitmq": "rabbitmq", "redis": "redis"}


def say(text):
    print(text, flush=True)


class Image:
    """What docker/Dockerfile says: how a container of ours starts, and as whom."""

    def __init__(self, text):
        def last(word):
            return re.findall(rf"^\s*{word}\s+(.*)$", text, re.M)[-1]

        self.entrypoint = json.loads(last("ENTRYPOINT"))
        self.command = json.loads(re.findall(r"^CMD\s+(\[.*\])$", text, re.M)[-1])
        self.health = json.loads(re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.M)[-1])
        self.stop = getattr(signal, last("STOPSIGNAL"))
        final = text[text.rindex("\nFROM "):]
        pairs = re.findall(r"^ENV\s+(.*)$", final, re.M)
        self.environment = dict(pair.split("=", 1) for line in pairs for pair in line.split())
        user = last("USER")
        number = re.search(rf"useradd --uid (\d+) --gid (\d+) .*\b{user}\b", text)
        self.user = f"{number[1]}:{number[2]}"


class System:
    """Everything that runs. `scratch` is a directory that goes when the tour ends."""

    def __init__(self, services, image, root, programs, postgres, scratch):
        self.services, self.image, self.root = services, image, root
        self.programs, self.postgres, self.scratch = programs, postgres, scratch
        self.running = {}
        self.complaints = {}
        self.volumes = {}

    def prepare(self):
        """The network, the names, and the directories that are mounted."""
        run("ip", "link", "set", "lo", "up")
        # Hides this machine's /run for the tour alone.
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        sources = {"bin": self.programs, "lib": f"{self.root}/docker", "config": f"{self.root}/config"}
        for name, source in sources.items():
            place = f"{self.scratch}/image/{name}"
            os.makedirs(place)
            # Bound, so that a user who may not pass through the checkout's parents gets there.
            run("mount", "--bind", source, place)
        os.environ["PATH"] = f"{self.scratch}/image/bin:{self.postgres}:{os.environ['PATH']}:/usr/sbin"
        os.makedirs(f"{self.scratch}/tmp")
        os.chmod(f"{self.scratch}/tmp", 0o1777)
        os.makedirs("/run/secrets")
        owner = self.services["secrets"]["user"].split(":")
        os.chown("/run/secrets", *map(int, owner))
        os.chmod("/run/secrets", 0o711)

    def answer_names(self, domain_names):
        """A name server for the names of the services, each with an address of its own, and for the
        host rules of the proxy."""
        names = compose.names(self.services)
        numbers = {name: i + 1 for i, name in enumerate(sorted(self.services))}
        records = [f"--host-record={name},127.0.1.{numbers[of]}" for name, of in names.items()]
        records += [f"--host-record={name},127.0.0.1" for name in domain_names]
        path = f"{self.scratch}/resolv.conf"
        with open(path, "w") as file:
            file.write("nameserver 127.0.0.1\n")
        os.chmod(path, 0o644)
        run("mount", "--bind", path, os.path.realpath("/etc/resolv.conf"))
        command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts",
                   "--no-resolv", "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root", "--pid-file="]
        self.start_as("names", [*command, *records], None, {})
        wait_for("the name server", 10, lambda: subprocess.run(
            ["getent", "hosts", next(iter(names))], capture_output=True).returncode == 0)

    def up(self, name):
        """Starts a service as Compose would: waits for what it needs to be there first."""
        service = self.services[name]
        for needed, how in service.get("depends_on", {}).items():
            self.wait(needed, how["condition"])
        begin = getattr(self, f"begin_{name}", None)
        if is_ours(service):
            entrypoint = service.get("entrypoint")
            # As in Docker, another entrypoint takes the image's command away.
            command = service.get("command") or ([] if entrypoint else self.image.command)
            argv = [self.place(word, name) for word in [*(entrypoint or self.image.entrypoint), *command]]
        elif begin:
            argv = begin(service)
        else:
            say(f"      {name}: not started, Debian has no {service['image']}")
            return
        self.start_as(name, argv, self.identity(name), self.environment(name))
        say(f"      {name}: {' '.join(argv[:6])}{' …' if len(argv) > 6 else ''}")

    def environment(self, name):
        """The service's variables, the image's and PATH, and nothing of this machine's."""
        own = {key: self.place(str(value or ""), name)
               for key, value in (self.services[name].get("environment") or {}).items()}
        # Debian's wrappers of RabbitMQ's programs change the user; these are the programs themselves.
        path = f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}"
        ours = self.image.environment if is_ours(self.services[name]) else {}
        return {"PATH": path, "LANG": "C.UTF-8", "HOME": "/nonexistent", **ours, **own}

    def identity(self, name):
        """User, group and further groups: those of the file, else the image's."""
        service = self.services[name]
        user = str(service.get("user") or self.image.user)
        if not user[0].isdigit():
            import pwd

            entry = pwd.getpwnam(SYSTEM_USERS[user])
            user = f"{entry.pw_uid}:{entry.pw_gid}"
        uid, _, gid = user.partition(":")
        return uid, gid or uid, [str(group) for group in service.get("group_add", [])]

    def place(self, word, name):
        """A word with the paths of the container as those of this machine."""
        service = self.services[name]
        pairs = {target: self.volume(source, name) for target, source in compose.mounts(service)
                 if target != "/run/secrets"}
        pairs |= {target: f"{self.scratch}/tmp" for target in service.get("tmpfs", [])}
        pairs["/usr/local/lib/mlp"] = f"{self.scratch}/image/lib"
        # At once, the longest first: what was put in is not looked at again.
        targets = "|".join(re.escape(target) for target in sorted(pairs, key=len, reverse=True))
        return re.sub(rf"(^|=)({targets})(?=/|$)", lambda found: found[1] + pairs[found[2]], word)

    def volume(self, source, name):
        """Where a volume is: a directory of the checkout, or one of this run's for a named one."""
        if "/" in source:
            return source if os.path.isabs(source) else os.path.join(self.root, "docker", source)
        if source not in self.volumes:
            self.volumes[source] = f"{self.scratch}/{source}"
            os.makedirs(self.volumes[source])
            uid, gid, _ = self.identity(name)
            os.chown(self.volumes[source], int(uid), int(gid))
        return self.volumes[source]

    def start_as(self, name, argv, identity, environment):
        """Starts a process; with an identity without any capability, as the file says."""
        if identity:
            argv = as_identity(identity, argv)
        log = open(f"{self.scratch}/{name}.log", "ab")
        self.running[name] = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=f"{self.scratch}/image",
            env={**os.environ, **environment} if identity is None else environment)

    # Servers that are not ours: what their images do, by Debian's programs.

    def begin_postgres(self, service):
        """As the image does: a new cluster, whose user has the password of the file."""
        env = service["environment"]
        data = self.volume("mlp-postgres", "postgres") + "/data"
        identity = self.identity("postgres")
        run(*as_identity(identity, [
            "initdb", "-D", data, "--no-sync", "--encoding=UTF8", "--locale=C", "--auth-local=trust",
            "--auth-host=scram-sha-256", f"--username={env['POSTGRES_USER']}",
            f"--pwfile={env['POSTGRES_PASSWORD_FILE']}", env["POSTGRES_INITDB_ARGS"]]))
        single = subprocess.run(
            as_identity(identity, ["postgres", "--single", "-D", data, "postgres"]),
            input=f"CREATE DATABASE \"{env['POSTGRES_DB']}\"", text=True, capture_output=True)
        if single.returncode:
            raise SystemExit(f"the database cannot be made: {single.stderr}")
        return ["postgres", "-D", data, "-k", data, "-c", "listen_addresses=*"]

    def begin_prometheus(self, service):
        return ["prometheus", *(self.place(word, "prometheus") for word in service["command"])]

    def begin_redis(self, service):
        return [*service["command"], "--dir", self.volume("mlp-redis", "redis"), "--bind", "*", "-::*",
                "--protected-mode", "no"]

    def begin_rabbitmq(self, service):
        home = self.volume("mlp-rabbitmq", "rabbitmq")
        # As the image has it: reached by others, and by `guest` too. This machine's own configuration
        # may say otherwise.
        config = f"{home}/rabbitmq.conf"
        with open(config, "w") as file:
            file.write("loopback_users = none\nlisteners.tcp.default = 5672\n")
        os.chmod(config, 0o644)
        service.setdefault("environment", {}).update(
            HOME=home, RABBITMQ_NODENAME="tour@localhost", RABBITMQ_MNESIA_BASE=f"{home}/mnesia",
            RABBITMQ_LOG_BASE=f"{home}/log", RABBITMQ_ENABLED_PLUGINS_FILE=f"{home}/plugins",
            RABBITMQ_CONFIG_FILE=config, RABBITMQ_CONF_ENV_FILE="/dev/null")
        return ["rabbitmq-server"]

    # How they are.

    def wait(self, name, condition):
        """Waits until a service is as another needs it: done, healthy or started."""
        if name not in self.running or condition == "service_started":
            return
        if condition == "service_completed_successfully":
            wait_for(f"the end of {name}", 120, lambda: self.running[name].poll() is not None)
            if self.running[name].returncode:
                raise SystemExit(f"{name} failed:\n{self.log(name)}")
        else:
            wait_for(f"{name}, to be healthy", 90, lambda: self.healthy(name),
                     lambda: f"{self.complaints[name]}\n{self.log(name)}")

    def healthy(self, name):
        """Runs the service's own health check, or the image's."""
        if self.running[name].poll() is not None:
            raise SystemExit(f"{name} ended: {self.running[name].returncode}\n{self.log(name)}")
        test = (self.services[name].get("healthcheck") or {}).get("test") or ["CMD", *self.image.health]
        argv = ["sh", "-c", test[1]] if test[0] == "CMD-SHELL" else test[1:]
        check = self.exec(name, argv)
        self.complaints[name] = check.stdout + check.stderr
        return check.returncode == 0

    def exec(self, name, argv):
        """Runs a program beside a service, as `docker exec` does."""
        return subprocess.run(
            as_identity(self.identity(name), argv), env=self.environment(name), timeout=60,
            cwd=f"{self.scratch}/image", capture_output=True, text=True)

    def within(self, name, argv):
        """What a program beside a service prints; it must succeed."""
        done = self.exec(name, argv)
        if done.returncode:
            raise SystemExit(f"`{' '.join(argv)}` failed: {done.stderr or done.stdout}")
        return done.stdout

    def stop(self, name):
        """Asks a service to stop, as Docker does; gives its exit status and the seconds that it took."""
        process, begun = self.running[name], time.monotonic()
        period = compose.seconds(self.services[name].get("stop_grace_period"))
        process.send_signal(self.image.stop)
        try:
            process.wait(period)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{name} does not stop within {period} s, and would be killed") from None
        return process.returncode, time.monotonic() - begun

    def log(self, name, lines=15):
        with open(f"{self.scratch}/{name}.log", errors="replace") as file:
            return "".join(file.readlines()[-lines:])


def run(*argv):
    """Runs a program that must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"`{' '.join(argv)}` failed: {done.stderr or done.stdout}")


def is_ours(service):
    """Whether a service runs the image of docker/Dockerfile."""
    return "build" in service


def as_identity(identity, argv):
    """A command line for a user with its groups, and without any capability."""
    uid, gid, groups = identity
    groups = ["--groups", ",".join(groups)] if groups else ["--clear-groups"]
    return ["setpriv", "--reuid", uid, "--regid", gid, *groups, "--no-new-privs",
            "--bounding-set=-all", "--inh-caps=-all", "--", *argv]


def wait_for(what, limit, holds, say_more=lambda: ""):
    """Waits until something holds, `limit` seconds at most."""
    end = time.monotonic() + limit
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {limit} s\n{say_more()}")
        time.sleep(0.1)
