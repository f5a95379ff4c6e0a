//! The program `mlp` as its users see it: exit codes, messages, files.

use std::path::Path;
use std::process::{Command, Output};

use crate::process::{Server, free_port, get, mlp};

fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn fails(data: &Path, args: &[&str], code: i32, words: &[&str]) {
    let (status, stdout, stderr) = run(mlp(data).args(args));
    assert_eq!(status, code, "{args:?}\n{stdout}\n{stderr}");
    for word in words {
        assert!(
            stderr.contains(word),
            "{args:?} does not say `{word}`:\n{stderr}"
        );
    }
}

fn works(data: &Path, args: &[&str]) -> String {
    let (status, stdout, stderr) = run(mlp(data).args(args));
    assert_eq!(status, 0, "{args:?}\n{stdout}\n{stderr}");
    stdout
}

#[test]
fn help_has_examples_and_needs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let commands = [
        "up", "serve", "worker", "train", "evaluate", "drift", "models", "items", "db", "health",
        "demo", "doctor",
    ];
    let all = works(dir.path(), &["--help"]);
    for command in commands {
        assert!(all.contains(command), "{command}");
        assert!(works(dir.path(), &[command, "--help"]).contains("Usage:"));
    }
    assert!(works(dir.path(), &["up", "--help"]).contains("Example"));
    assert!(works(dir.path(), &["--version"]).starts_with("mlp "));
    assert!(!dir.path().join("mlp.db").exists());
}

#[test]
fn an_empty_database_is_filled_once() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let (code, stdout, _) = run(mlp(data).args(["db", "seed"]).env("MLP_EMPTY", "1"));
    assert_eq!(
        (code, stdout.trim()),
        (0, "the database has 0 items and 0 users")
    );
    // As a compose file hands a variable on that is not set.
    let seed = |sessions: &str| {
        let (code, stdout, stderr) = run(mlp(data)
            .args(["db", "seed", "--sessions", sessions])
            .env("MLP_EMPTY", ""));
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    let filled = seed("60");
    assert!(filled.contains("60 users"), "{filled}");
    assert!(!filled.contains(" 0 items"), "{filled}");
    assert_eq!(seed("70"), filled, "it is left as it is");
    // The task of the first model waits for whoever trains.
    works(data, &["train", "--settle", "0"]);
    assert!(works(data, &["models", "list"]).contains("champion"));
    let mut both = mlp(data);
    both.args(["db", "seed", "--dataset", "x"])
        .env("MLP_EMPTY", "1");
    let (code, _, stderr) = run(&mut both);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("MLP_EMPTY") && stderr.contains("--dataset"),
        "{stderr}"
    );
}

#[test]
fn what_is_asked_wrongly_exits_with_2_and_says_what() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    fails(data, &[], 2, &["Usage"]);
    fails(data, &["fly"], 2, &["fly"]);
    fails(data, &["up", "--bind", "nowhere"], 2, &["nowhere"]);
    fails(
        data,
        &["serve", "--bind", "4789"],
        2,
        &["HOST:PORT", "127.0.0.1:4789"],
    );
    fails(
        data,
        &["worker", "--only", "rest"],
        2,
        &["rest", "training"],
    );
    fails(data, &["db", "prune", "--days", "0"], 2, &["1..=36500"]);
    fails(
        data,
        &["db", "prune"],
        2,
        &["Usage: mlp db prune --days <DAYS> [--explored]"],
    );
    for (args, limit) in [
        (&["up", "--settle", "-1"][..], "from 0 to 30 days"),
        (&["train", "--settle", "-5"], "from 0 to 30 days"),
        (&["train", "--l2", "-1"], "a number from 0"),
        (&["train", "--k-best", "-1"], "a whole number from 0"),
        (&["up", "--watch-every", "-1"], "or 0 for never"),
        (&["drift", "--history", "-3"], "1..=10000"),
    ] {
        fails(data, args, 2, &[limit]);
    }
    fails(
        data,
        &["evaluate", "--l2", "3"],
        2,
        &["`--l2` needs `--split` or `--simulated`"],
    );
    fails(data, &["--database", "x", "demo"], 2, &["changes nothing"]);
    // A variable speaks to all commands.
    let (code, _, stderr) = run(mlp(data).arg("evaluate").env("MLP_L2", "3"));
    assert!(code == 1 && stderr.contains("no champion"), "{stderr}");
    for lease in ["0.1", "3601", "NaN"] {
        fails(data, &["worker", "--lease", lease], 2, &[lease, "0.5"]);
    }
    fails(
        data,
        &["up", "--empty", "--exploration", "1.5"],
        2,
        &["`1.5`", "0 to 1"],
    );
    fails(
        data,
        &["up", "--empty", "--drain", "1e9"],
        2,
        &["1000000000"],
    );
    let fresh = tempfile::tempdir().unwrap();
    let exposed = ["up", "--empty", "--bind", "0.0.0.0:0"];
    fails(fresh.path(), &exposed, 2, &["MLP_TOKEN"]);
    let made = fresh.path().join("mlp.db").exists();
    assert!(!made, "it is refused before anything is made");
    fails(
        data,
        &["--database", "mysql://u:secret@h/d", "db", "status"],
        2,
        &["`mysql:…`"],
    );
    fails(
        data,
        &[
            "--database",
            "postgres://u:secret@h/d?sslmode=no",
            "db",
            "status",
        ],
        2,
        &["sslmode", "`no`"],
    );
    fails(
        data,
        &[
            "--database",
            "postgres://u:secret@127.0.0.1:1/d",
            "db",
            "status",
        ],
        1,
        &["postgres://u@127.0.0.1:1/d", "refused"],
    );
    fails(
        data,
        &["--database", "sqlite:", "db", "status"],
        2,
        &["path"],
    );
    fails(data, &["--log", "=loud", "db", "status"], 2, &["=loud"]);
    let bad = data.join("bad.toml");
    std::fs::write(&bad, "name = \"x\"\n[user]\nname = \"A\"\ntable = \"b\"\nfields = []\n[item]\nname = \"c\"\ntable = \"d\"\nfields = []\n").unwrap();
    fails(
        data,
        &["--schema", bad.to_str().unwrap(), "db", "status"],
        2,
        &["bad.toml:3", "`A`"],
    );
    for url in [
        "postgres://u:secret@127.0.0.1:1/d",
        "postgres://u:secret@h/d?sslmode=no",
        "mysql://u:secret@h/d",
    ] {
        let (_, _, stderr) = run(mlp(data).args(["--database", url, "db", "status"]));
        assert!(!stderr.contains("secret"), "{stderr}");
    }
}

#[test]
fn what_goes_wrong_exits_with_1_and_says_what() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    fails(
        data,
        &["--schema", "no/such.toml", "db", "status"],
        1,
        &["no/such.toml"],
    );
    fails(data, &["models", "show"], 1, &["mlp train"]);
    fails(data, &["models", "promote", "7"], 1, &["`7`"]);
    fails(
        data,
        &["models", "rollback"],
        1,
        &["before", "mlp models promote N", "mlp models list"],
    );
    fails(data, &["train"], 1, &["too few"]);
    fails(data, &["db", "erase", "12"], 1, &["`12`"]);
    fails(data, &["items", "import", "none.tsv"], 1, &["none.tsv"]);
    fails(data, &["up", "--dataset", "nowhere"], 1, &["nowhere"]);
    std::fs::write(data.join("junk.db"), vec![7; 9000]).unwrap();
    let junk = format!("sqlite:{}", data.join("junk.db").display());
    fails(
        data,
        &["--database", &junk, "db", "status"],
        1,
        &["junk.db"],
    );
}

#[test]
fn item_files_are_checked_with_file_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let schema = data.join("shop.toml");
    std::fs::write(&schema, SHOP).unwrap();
    let schema = schema.to_str().unwrap();
    let file = data.join("items.tsv");
    let import = |text: &str| {
        std::fs::write(&file, text).unwrap();
        run(mlp(data).args([
            "--schema",
            schema,
            "items",
            "import",
            file.to_str().unwrap(),
        ]))
    };
    for (text, words) in [
        ("", &["items.tsv:1"][..]),
        ("cost\n", &["no rows"]),
        ("price\n3\n", &["items.tsv:1", "missing columns: cost"]),
        ("cost\n3\nx\n", &["items.tsv:3", "`cost`", "`x`"]),
        (
            "cost\n-3\n",
            &["items.tsv:2", "`-3`", "greater than or equal to 0"],
        ),
        ("cost\tkind\n3\tgas\n", &["`kind`", "`gas`", "'tea'"]),
        ("cost\tcost\n3\t3\n", &["twice"]),
        (
            "product_id\tcost\n5\t3\n5\t4\n",
            &["items.tsv:3", "`5` stands twice"],
        ),
        ("product_id\tcost\n0\t3\n", &["`0`"]),
        ("cost\n3\t4\n", &["items.tsv:2"]),
        ("cost\nNaN\n", &["items.tsv:2", "finite"]),
    ] {
        let (status, _, stderr) = import(text);
        assert_eq!(status, 1, "{text:?}: {stderr}");
        for word in words {
            assert!(
                stderr.contains(word),
                "{text:?} does not say `{word}`: {stderr}"
            );
        }
    }
    let (status, stdout, _) =
        import("# ours\nproduct_id\tcost\tkind\tnote\n5\t3\ttea\tx\n9\t4.5\t\ty\n");
    assert_eq!(
        (status, stdout.as_str()),
        (0, "2 items read, 2 changes, catalog version 1\n")
    );
    // The same again changes nothing.
    let (_, stdout, _) = import("product_id\tcost\tkind\n5\t3\ttea\n9\t4.5\t\n");
    assert_eq!(stdout, "2 items read, 0 changes, catalog version 1\n");
    let listed = run(mlp(data).args(["--schema", schema, "items", "list"])).1;
    assert_eq!(
        listed,
        "{\"product_id\":5,\"cost\":3.0,\"kind\":\"tea\"}\n{\"product_id\":9,\"cost\":4.5,\"kind\":null}\n"
    );
}

const SHOP: &str = r#"
name = "shop"

[user]
name = "customer"
table = "customers"
fields = [{ name = "purse", type = "float", min = 0 }]

[item]
name = "product"
table = "products"
fields = [
  { name = "cost", type = "float", min = 0 },
  { name = "kind", type = "category", levels = ["tea", "coffee"], default = "tea" },
]

[[features]]
name = "too_dear"
op = "greater"
args = ["cost", "purse"]
"#;

#[test]
fn models_are_trained_moved_promoted_and_rolled_back_beside_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let mut server = Server::up(data, free_port(), &["--sessions", "300"]);
    server.wait_until_ready();
    // A second server is refused, whatever port it wants.
    fails(
        data,
        &["up", "--bind", "127.0.0.1:0"],
        1,
        &["in use by another server", &server.id().to_string()],
    );
    let other = tempfile::tempdir().unwrap();
    let taken = format!("127.0.0.1:{}", server.port);
    fails(
        other.path(),
        &["up", "--empty", "--bind", &taken],
        1,
        &[&taken, "`--bind` names another"],
    );
    assert!(works(data, &["train", "--settle", "0"]).contains("model"));
    let file = data.join("model.json");
    works(data, &["models", "export", "1", file.to_str().unwrap()]);
    assert!(works(data, &["models", "import", file.to_str().unwrap()]).contains("challenger"));
    let list = works(data, &["models", "list"]);
    assert!(
        list.contains("champion") && list.contains("challenger"),
        "{list}"
    );
    let imported = list
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    works(
        data,
        &["models", "promote", &imported, "--reason", "a test"],
    );
    assert!(works(data, &["models", "log"]).contains("a test"));
    // The server answers with it, within its poll.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let body = get(server.port, "/models").unwrap();
        if body.contains(&format!("\"model_id\":{imported},\"status\":\"champion\"")) {
            break;
        }
        assert!(std::time::Instant::now() < end, "{body}");
    }
    works(data, &["models", "rollback"]);
    assert!(works(data, &["models", "show"]).contains("over_budget"));
    let json = data.join("evaluate.json");
    let svg = data.join("report.svg");
    let (json_path, svg_path) = (json.to_str().unwrap(), svg.to_str().unwrap());
    let told = works(
        data,
        &[
            "evaluate", "--json", json_path, "--report", svg_path, "--by", "budget",
        ],
    );
    for word in ["precision@1", "95 % interval", "budget from "] {
        assert!(told.contains(word), "no `{word}`:\n{told}");
    }
    let found: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let interval = &found["judging"]["intervals"]["auc"];
    assert!(
        interval["low"].as_f64() < found["judging"]["auc"].as_f64(),
        "{found}"
    );
    assert_eq!(found["segments"].as_array().unwrap().len(), 4);
    let drawn = std::fs::read_to_string(&svg).unwrap();
    assert!(
        drawn.starts_with("<svg ") && drawn.contains("over_budget"),
        "{drawn}"
    );
    let told = works(
        data,
        &[
            "evaluate",
            "--replay",
            "--model",
            "1",
            "--artifact",
            file.to_str().unwrap(),
            "--json",
            json_path,
        ],
    );
    assert!(
        told.contains("model 1") && told.contains("log loss of the choice"),
        "{told}"
    );
    let found: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(
        found["replay"]["model 1"]["mrr"]["answer"], "known",
        "{found}"
    );
    fails(
        data,
        &["evaluate", "--by", "name"],
        2,
        &["`--by name`", "budget"],
    );
    assert!(works(data, &["db", "status"]).contains("locations       210"));
    assert_eq!(server.stop(), Some(0));
    std::fs::write(&file, "{\"format\":99}").unwrap();
    fails(
        data,
        &["models", "import", file.to_str().unwrap()],
        1,
        &["`99`"],
    );
}

#[test]
fn the_demo_tells_its_story_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let json = data.join("demo.json");
    let told = works(
        data,
        &[
            "demo",
            "--exit",
            "--sessions",
            "600",
            "--seed",
            "3",
            "--bind",
            "127.0.0.1:0",
            "--json",
            json.to_str().unwrap(),
        ],
    );
    assert!(told.contains("0 errors, 0 lost"), "{told}");
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(summary["sessions"], 600);
    assert_eq!(
        (&summary["errors"], &summary["lost"]),
        (&0.into(), &0.into())
    );
    for key in ["answered", "pick_rate_first", "pick_rate_last", "seconds"] {
        assert!(summary[key].is_number(), "{key}");
    }
    let models = summary["models"].as_array().unwrap();
    assert!(!models.is_empty(), "{models:?}");
    assert_eq!(summary["false_alarms"], 0);
    let champions = models.iter().filter(|m| m["status"] == "champion").count();
    assert_eq!(champions, 1);
    let shares: f64 = models
        .iter()
        .map(|m| m["use_percentage"].as_f64().unwrap())
        .sum();
    assert_eq!(shares, 1.0);
    let events = summary["events"].as_array().unwrap();
    let times: Vec<f64> = events.iter().map(|e| e["at_s"].as_f64().unwrap()).collect();
    assert!(times.is_sorted());
    // A second run starts anew.
    let again = works(
        data,
        &[
            "demo",
            "--exit",
            "--sessions",
            "60",
            "--bind",
            "127.0.0.1:0",
        ],
    );
    assert!(again.contains("60 sessions in"), "{again}");
}

#[test]
fn a_demo_that_is_interrupted_tells_what_was_until_then() {
    use std::io::{BufRead, BufReader, Read};
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("demo.json");
    let mut child = mlp(dir.path())
        .args(["demo", "--bind", "127.0.0.1:0", "--json"])
        .arg(&json)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("the first model is trained") {
        line.clear();
        assert_ne!(told.read_line(&mut line).unwrap(), 0, "it ended");
    }
    std::thread::sleep(std::time::Duration::from_secs(2));
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    for words in ["interrupted: what follows", "1 model: 1 champion", "(calm)"] {
        assert!(rest.contains(words), "no `{words}`:\n{rest}");
    }
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(summary["interrupted"], true);
    assert!(summary["sessions"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["models"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&summary["errors"], &summary["lost"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn a_dotenv_file_is_read_and_the_environment_wins() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(".env"), "MLP_DATA_DIR=from_file\n").unwrap();
    let mut command = mlp(dir.path());
    command.env_remove("MLP_DATA_DIR").current_dir(dir.path());
    let (status, stdout, _) = run(command.args(["db", "status"]));
    assert_eq!(status, 0);
    assert!(stdout.contains("sqlite:from_file/mlp.db"), "{stdout}");
    let mut command = mlp(dir.path());
    command
        .env("MLP_DATA_DIR", "from_environment")
        .current_dir(dir.path());
    let (_, stdout, _) = run(command.args(["db", "status"]));
    assert!(
        stdout.contains("sqlite:from_environment/mlp.db"),
        "{stdout}"
    );
}

/// As `mlp --help | head -1` and a full disk have it.
#[test]
fn a_reader_that_has_seen_enough_and_a_full_output_end_a_command() {
    let dir = tempfile::tempdir().unwrap();
    let list = || {
        let mut command = mlp(dir.path());
        command.args(["models", "list"]);
        command
    };
    let (code, ..) = run(mlp(dir.path()).args(["db", "migrate"]));
    assert_eq!(code, 0);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = list().stdout(writer).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), said.as_str()), (Some(0), ""));
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let ended = list().stdout(full).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("error: cannot write to standard output"),
        "{said}"
    );
}
