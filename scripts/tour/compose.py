"""What a compose file says, as `docker-compose config` prints it: services, order, proxy rules."""

import re

import yaml


class Unclear(Exception):
    """The file says something that the tour does not know how to do."""


def read(text):
    """The services by name, each as Compose understands it, with `$$` as `$`."""
    return {
        name: _plain(service) for name, service in yaml.safe_load(text)["services"].items()
    }


def _plain(value):
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def active(services, profiles):
    """Those without a profile, and those of the given ones."""
    return {
        name: service
        for name, service in services.items()
        if not service.get("profiles") or set(service["profiles"]) & set(profiles)
    }


def in_order(services):
    """The names, each after all that it depends on; by name where that leaves a choice."""
    order = []

    def visit(name, path):
        if name in path:
            raise Unclear(f"`{name}` depends on itself: {' -> '.join(path)}")
        for needed in sorted(services[name].get("depends_on", {})):
            visit(needed, [*path, name])
        if name not in order:
            order.append(name)

    for name in sorted(services):
        visit(name, [])
    return order


def names(services):
    """Every name that Compose's DNS would answer, with its service."""
    found = {}
    for name, service in services.items():
        found[name] = name
        networks = service.get("networks") or {}
        for network in networks.values() if isinstance(networks, dict) else []:
            for alias in (network or {}).get("aliases", []):
                found[alias] = name
    return found


def mounts(service):
    """Pairs (target, source) of what is mounted; a source without a slash is a named volume."""
    pairs = []
    for volume in service.get("volumes", []):
        if isinstance(volume, str):
            source, target = volume.split(":")[:2]
        else:
            source, target = volume["source"], volume["target"]
        pairs.append((target, source))
    return pairs


def seconds(duration):
    """`1m30s` as 90; 10 where nothing is said, as in Docker."""
    if duration is None:
        return 10
    units = {"h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"(\d+)([hms])", str(duration))
    if "".join(n + u for n, u in parts) != str(duration):
        raise Unclear(f"duration `{duration}`")
    return sum(int(n) * units[u] for n, u in parts)


class Route:
    """A Traefik router of one service: a host, the paths that it leaves out, the port behind it."""

    def __init__(self, service, host, hidden, port):
        self.service, self.host, self.hidden, self.port = service, host, hidden, port


def routes(services):
    """The routers of all services that have `traefik.enable`."""
    found = []
    for name, service in services.items():
        labels = service.get("labels", {})
        if str(labels.get("traefik.enable", "")).lower() != "true":
            continue
        for label, rule in labels.items():
            router = re.fullmatch(r"traefik\.http\.routers\.([^.]+)\.rule", label)
            if router:
                port = f"traefik.http.services.{router[1]}.loadbalancer.server.port"
                found.append(Route(name, *_rule(rule), labels[port]))
    return found


def _rule(rule):
    """The host and the hidden path prefixes of ``Host(`h`) && !PathPrefix(`/p`)``, nothing else."""
    host, hidden = None, []
    for part in rule.split("&&"):
        part = part.strip()
        if match := re.fullmatch(r"Host\(`([^`]+)`\)", part):
            host = match[1]
        elif match := re.fullmatch(r"!PathPrefix\(`(/[^`]*)`\)", part):
            hidden.append(match[1])
        else:
            raise Unclear(f"part `{part}` of Traefik's rule `{rule}`")
    if host is None:
        raise Unclear(f"Traefik's rule `{rule}` has no host")
    return host, hidden


def nginx(found, directory):
    """The same rules for nginx, whose files are in `directory`. What no rule matches gets 404."""
    servers = ["server { listen 80 default_server; return 404; }"]
    for route in found:
        hidden = "".join(f"location ^~ {path} {{ return 404; }} " for path in route.hidden)
        servers.append(
            f"server {{ listen 80; server_name {route.host}; {hidden}"
            f"location / {{ proxy_pass http://{route.service}:{route.port}; "
            "proxy_set_header Host $host; proxy_http_version 1.1; "
            'proxy_set_header Connection ""; proxy_read_timeout 60s; } }'
        )
    temporary = "".join(
        f"{kind}_temp_path {directory}/{kind}; "
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off; pid {directory}/pid; error_log {directory}/error.log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; {temporary}\n" + "\n".join(servers) + "\n}\n"
    )
