//! What docker/ promises, read from the files: no engine is needed. `scripts/tour.sh` runs the same
//! services without containers.

mod compose;

use std::collections::BTreeSet;
use std::fs;

use compose::{Compose, example, image_name, root, text};

/// Both files of the deployment.
const FILES: [&str; 2] = [
    "docker/docker-compose.yaml",
    "docker/docker-compose.traefik.yaml",
];

/// The variables of the old stack's `.env`: it is brought as it is.
const OLD: [&str; 10] = [
    "DOMAIN",
    "CELERY_BROKER_URL",
    "CELERY_BACKEND_URL",
    "CELERY_QUEUE",
    "DATABASE_SCHEMA",
    "DATABASE_USER",
    "DATABASE_PASS",
    "DATABASE_HOST",
    "DATABASE_URL",
    "GRAFANA_ADMIN_PASS",
];

/// What programs without containers read of `.env`, and no container gets.
const FOR_PROGRAMS: [&str; 2] = ["DATABASE_URL", "URL"];

/// Set for Compose itself.
const FOR_COMPOSE: [&str; 1] = ["COMPOSE_PROFILES"];

fn main_file() -> Compose {
    Compose::read(FILES[0])
}

#[test]
fn every_variable_is_used_and_documented() {
    let used: BTreeSet<String> = FILES
        .iter()
        .flat_map(|file| compose::variables(&text(file)))
        .collect();
    let documented = example();
    let names: BTreeSet<String> = documented.iter().map(|line| line.name.clone()).collect();
    for name in &used {
        assert!(names.contains(name), "`{name}` is not in .env.example");
    }
    let known = [FOR_PROGRAMS.as_slice(), &FOR_COMPOSE].concat();
    for name in &names {
        let is_known = used.contains(name) || known.contains(&name.as_str());
        assert!(is_known, "`{name}` of .env.example is used nowhere");
    }
    for name in OLD {
        let line = documented
            .iter()
            .find(|line| line.name == name && !line.commented);
        assert!(line.is_some(), "the old `{name}` is not in .env.example");
    }
}

/// Variables of the README's table that no container takes from `.env`: those that the file sets
/// itself, those of secrets, which are files there, and those of programs outside.
const OF_NO_CONTAINER: [&str; 11] = [
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "DATABASE_PASS_FILE",
    "MLP_LEGACY_URL",
    "MLP_DATA_DIR",
    "MLP_BIND",
    "MLP_TOKEN_FILE",
    "CELERY_BROKER_URL_FILE",
    "CELERY_BACKEND_URL_FILE",
    "URL",
    "DOMAIN",
];

#[test]
fn what_the_readme_lists_reaches_the_containers() {
    let readme = text("README.md");
    let table = readme.split("| variable | flag |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|l| l.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    let names: Vec<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(names.len() > 25, "{names:?}");
    let compose = main_file();
    let handed_on: BTreeSet<String> = (compose.services.iter())
        .flat_map(|service| service.environment())
        .filter(|(name, value)| value.starts_with(&format!("${{{name}")))
        .map(|(name, _)| name)
        .collect();
    for name in names {
        let is_handed_on = handed_on.contains(name);
        let stays = OF_NO_CONTAINER.contains(&name);
        assert!(is_handed_on || stays, "`{name}` of `.env` is dropped");
    }
    // Both that publish and that listen.
    for service in ["api", "worker"] {
        let environment = compose.service(service).environment();
        for name in handed_on.iter().filter(|name| name.contains("CELERY_")) {
            assert!(environment.contains_key(name), "{service}: {name}");
        }
    }
}

#[test]
fn an_old_env_needs_no_new_variable() {
    for file in FILES {
        let text = text(file);
        assert!(!text.contains(":?") && !text.contains("}?"), "{file}");
        for (name, rest) in compose::references(&text) {
            let has_default = rest.starts_with(":-") || rest.starts_with('-');
            assert!(has_default, "{file}: `{name}` has no default");
        }
    }
}

#[test]
fn no_secret_is_in_the_example_or_in_an_environment() {
    for line in example() {
        let secret = ["PASS", "TOKEN", "_URL"]
            .iter()
            .any(|part| line.name.contains(part));
        if secret && !line.commented {
            assert_eq!(line.value, "", "{}", line.name);
        }
    }
    // One service makes the files; the others read them.
    let compose = main_file();
    for service in &compose.services {
        for (name, value) in service.environment() {
            let is_secret = [
                "DATABASE_PASS}",
                "DATABASE_PASS:",
                "MLP_TOKEN",
                "ADMIN_PASS:",
            ]
            .iter()
            .any(|part| value.contains(&format!("${{{part}")));
            assert!(
                !is_secret || service.name == "secrets",
                "{}: {name} hands a secret on",
                service.name
            );
            // Certificates are no secret.
            let is_file = name.ends_with("_FILE") && !name.ends_with("_CA_FILE");
            assert!(
                !is_file || value.starts_with("/run/secrets/"),
                "{}: {name} is `{value}`",
                service.name
            );
        }
    }
}

#[test]
fn what_is_mounted_is_there() {
    let root = root();
    for file in FILES {
        for service in Compose::read(file).services {
            for volume in service.list("volumes") {
                let source = volume.split(':').next().unwrap().to_owned();
                if source.starts_with('.') {
                    let path = root.join("docker").join(&source);
                    assert!(path.exists(), "{}: `{source}` is missing", service.name);
                } else if !source.starts_with('/') {
                    let volumes = &Compose::read(file).volumes;
                    assert!(volumes.contains(&source), "no volume `{source}`");
                }
            }
        }
    }
    let dockerfile = text("docker/Dockerfile");
    let ignored = text(".dockerignore");
    let copies = dockerfile.lines().filter_map(|l| l.strip_prefix("COPY "));
    for copy in copies.filter(|line| !line.starts_with("--from")) {
        let words: Vec<&str> = copy.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(root.join(source).exists(), "COPY of `{source}`");
            let kept = ignored.lines().any(|line| line == format!("!{source}"));
            assert!(kept, ".dockerignore leaves `{source}` out");
        }
    }
    // A crate that is not copied fails the build, which nobody here can run.
    let manifest = text("Cargo.toml");
    let members = manifest.lines().find(|l| l.starts_with("members")).unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        let copied = format!("COPY {member} {member}\n");
        assert!(dockerfile.contains(&copied), "`{member}` is not copied");
    }
}

#[test]
fn images_are_pinned_and_nobody_is_root() {
    let dockerfile = text("docker/Dockerfile");
    let bases = dockerfile.lines().filter_map(|l| l.strip_prefix("FROM "));
    for base in bases {
        image_name(base.split(' ').next().unwrap());
    }
    let user = dockerfile.lines().rev().find(|l| l.starts_with("USER"));
    assert_eq!(user, Some("USER mlp"));
    for file in FILES {
        for service in Compose::read(file).services {
            let name = image_name(&service.text("image"));
            let user = service.text("user");
            let root = user.is_empty() || user.starts_with('0') || user == "root";
            assert!(
                !root || ["mlp", "traefik"].contains(&name.as_str()),
                "{} runs as root",
                service.name
            );
            assert_eq!(service.list("cap_drop"), ["ALL"], "{}", service.name);
            assert_eq!(
                service.list("security_opt"),
                ["no-new-privileges:true"],
                "{}",
                service.name
            );
            for limit in ["mem_limit", "pids_limit", "restart"] {
                assert_ne!(service.text(limit), "", "{}: {limit}", service.name);
            }
        }
    }
}

#[test]
fn the_stop_period_is_longer_than_the_drain() {
    let compose = main_file();
    for name in ["api", "worker"] {
        let service = compose.service(name);
        let period: u64 = (service.text("stop_grace_period").strip_suffix('s'))
            .unwrap()
            .parse()
            .unwrap();
        let drain = service.environment().remove("MLP_DRAIN_S").unwrap();
        assert_eq!(drain, "${MLP_DRAIN_S:-10}");
        assert!(period >= 15, "{name}: {period} s");
    }
}

#[test]
fn the_internet_reaches_the_api_and_grafana_alone() {
    let compose = main_file();
    let reached: Vec<&str> = (compose.services.iter())
        .filter(|s| s.keys("networks").iter().any(|n| n == "www"))
        .map(|s| s.name.as_str())
        .collect();
    assert_eq!(reached, ["api", "grafana"]);
    let rule = |service: &str, router: &str| {
        let label = format!("traefik.http.routers.{router}.rule");
        compose.service(service).map("labels").remove(&label)
    };
    assert_eq!(
        rule("api", "mlp").as_deref(),
        Some("Host(`${DOMAIN:-localhost}`) && !PathPrefix(`/metrics`)")
    );
    assert_eq!(
        rule("grafana", "mlp-grafana").as_deref(),
        Some("Host(`grafana.${DOMAIN:-localhost}`)")
    );
    for service in &compose.services {
        for port in service.list("ports") {
            assert!(port.starts_with("127.0.0.1:"), "{}: {port}", service.name);
        }
    }
}

#[test]
fn ids_agree_between_the_files() {
    let dockerfile = text("docker/Dockerfile");
    let script = text("docker/secrets.sh");
    let compose = main_file();
    let maker = compose.service("secrets");
    let (uid, gid) = {
        let user = maker.text("user");
        let (uid, gid) = user.split_once(':').unwrap();
        (uid.to_owned(), gid.to_owned())
    };
    assert!(dockerfile.contains(&format!("--uid {uid} --gid {gid} ")));
    let mut groups = Vec::new();
    for line in script.lines().filter(|line| line.starts_with("secret ")) {
        let words: Vec<&str> = line.split(' ').collect();
        groups.push(words[2].to_owned());
        let path = format!("/run/secrets/{}", words[1]);
        for service in &compose.services {
            let reads = service.environment().values().any(|v| *v == path);
            let may = service.list("group_add").contains(&words[2].to_owned());
            assert!(!reads || may, "{} may not read {path}", service.name);
        }
    }
    assert_eq!(maker.list("group_add"), groups);
}

#[test]
fn scripts_of_the_image_are_plain_sh() {
    for script in ["docker/entrypoint.sh", "docker/secrets.sh"] {
        let text = text(script);
        assert!(text.starts_with("#!/bin/sh\n"), "{script}");
        let status = std::process::Command::new("sh")
            .args(["-n", &root().join(script).display().to_string()])
            .status()
            .unwrap();
        assert!(status.success(), "{script}");
    }
}

/// Runs docker/entrypoint.sh with a program in `mlp`'s place that prints its broker.
fn broker_after_entrypoint(profiles: &str, broker: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("mlp");
    fs::write(
        &program,
        "#!/bin/sh\nprintf '%s' \"$1 ${CELERY_BROKER_URL-none}\"\n",
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).unwrap();
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    let output = std::process::Command::new("sh")
        .arg(root().join("docker/entrypoint.sh"))
        .arg("serve")
        .env("PATH", path)
        .env("COMPOSE_PROFILES", profiles)
        .env("CELERY_BROKER_URL", broker)
        .env("CELERY_BACKEND_URL", "redis://redis:6379/0")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_broker_that_is_not_started_is_not_used() {
    for (profiles, broker, used) in [
        ("", "pyamqp://rabbitmq:5672", "none"),
        ("", "amqp://guest:gu%40est@rabbitmq:5672//", "none"),
        ("other", "pyamqp://rabbitmq", "none"),
        ("celery", "pyamqp://rabbitmq:5672", "pyamqp://rabbitmq:5672"),
        ("a,celery", "amqp://rabbitmq/x", "amqp://rabbitmq/x"),
        (
            "",
            "amqp://rabbitmq.internal/x",
            "amqp://rabbitmq.internal/x",
        ),
        (
            "",
            "amqps://u:rabbitmq@mq:5671",
            "amqps://u:rabbitmq@mq:5671",
        ),
        ("", "", ""),
    ] {
        let found = broker_after_entrypoint(profiles, broker);
        assert_eq!(found, format!("serve {used}"), "{profiles} {broker}");
    }
}

/// What Traefik of docker-compose.traefik.yaml is started with.
fn traefik_flags(email: &str) -> String {
    let compose = Compose::read(FILES[1]);
    let traefik = compose.service("traefik");
    assert_eq!(traefik.list("entrypoint"), ["/bin/sh", "-euc"]);
    let script = traefik.list("command").remove(0).replace("$$", "$");
    let script = script.replace("exec traefik", "printf '%s\n'");
    let output = std::process::Command::new("sh")
        .args(["-euc", &script])
        .env("ACME_EMAIL", email)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn traefik_has_https_where_it_has_an_address_for_certificates() {
    let plain = traefik_flags("");
    assert!(plain.contains("--entrypoints.web.address=:80\n"), "{plain}");
    assert!(!plain.contains("redirections") && !plain.contains("acme"));
    let with_certificates = traefik_flags("me@example.org");
    assert!(with_certificates.starts_with(plain.trim_end()));
    for flag in [
        "--entrypoints.web.http.redirections.entrypoint.to=websecure\n",
        "--entrypoints.websecure.http.tls.certresolver=acme\n",
        "--certificatesresolvers.acme.acme.email=me@example.org\n",
    ] {
        assert!(with_certificates.contains(flag), "{with_certificates}");
    }
    // What is not asked for by labels is not shown.
    assert!(plain.contains("--providers.docker.exposedbydefault=false\n"));
}

#[test]
fn secrets_are_made_once_and_follow_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let script = fs::read_to_string(root().join("docker/secrets.sh")).unwrap();
    // The groups are the containers': whoever runs this test is in its own alone.
    let script = script.replace("chgrp", ": chgrp");
    let run = |token: &str| {
        let output = std::process::Command::new("sh")
            .args(["-c", &script, "secrets.sh"])
            .arg(dir.path())
            .env("DATABASE_PASS", "p@ss 'w%rd")
            .env("MLP_TOKEN", token)
            .env_remove("GRAFANA_ADMIN_PASS")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let said = run("");
    assert!(!said.contains("p@ss"), "{said}");
    assert_eq!(read("database_pass"), "p@ss 'w%rd\n");
    let token = read("mlp_token");
    assert_eq!(token.trim().len(), 64);
    assert_ne!(token, read("grafana_admin_pass"));
    run("");
    assert_eq!(read("mlp_token"), token, "it stays");
    run("sesame");
    assert_eq!(read("mlp_token"), "sesame\n");
    let mode = fs::metadata(dir.path().join("mlp_token")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o777, 0o440);
}
