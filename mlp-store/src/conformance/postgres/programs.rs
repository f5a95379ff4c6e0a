//! The server's programs, and as whom they run.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the programs of an installed server are, and who shall run them.
#[derive(Debug)]
pub(super) struct Programs {
    directory: PathBuf,
    /// User and group; `None` for ourselves.
    owner: Option<(u32, u32)>,
}

impl Programs {
    pub fn find() -> Self {
        let Some(directory) = candidates().into_iter().find(|place| has_programs(place)) else {
            panic!(
                "no `initdb` and `postgres` in PATH, in what `pg_config --bindir` says or in \
                 /usr/lib/postgresql: install the PostgreSQL server (Debian: apt-get install \
                 postgresql; scripts/test.sh does)"
            );
        };
        let owner = is_root().then(|| {
            ["postgres", "nobody"]
                .iter()
                .find_map(|name| ids_of(name))
                .expect("PostgreSQL does not run as root: make a user `postgres`")
        });
        Self { directory, owner }
    }

    pub fn owner(&self) -> Option<(u32, u32)> {
        self.owner
    }

    pub fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }

    /// A command that runs as the owner, in a directory that the owner may enter, and takes no
    /// other server for its own from the environment.
    pub fn command(&self, program: impl AsRef<Path>, directory: &Path) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(directory);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

fn has_programs(place: &Path) -> bool {
    place.join("initdb").is_file() && place.join("postgres").is_file()
}

fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(said) = Command::new("pg_config").arg("--bindir").output() {
        found.push(String::from_utf8_lossy(&said.stdout).trim().into());
    }
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut installed: Vec<_> = installed.flatten().map(|entry| entry.path()).collect();
    installed.sort_by_key(|path| std::cmp::Reverse(version(path)));
    found.extend(installed.into_iter().map(|path| path.join("bin")));
    found
}

fn is_root() -> bool {
    let said = Command::new("id").arg("-u").output();
    said.is_ok_and(|said| said.stdout.trim_ascii() == b"0")
}

fn ids_of(name: &str) -> Option<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
