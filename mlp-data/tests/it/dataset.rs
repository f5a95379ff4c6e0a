//! Data sets: same bytes, right shape, right labels, and never half a file.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use mlp_data::dataset::{
    self, DatasetError, LABELLED, LOCATIONS, MANIFEST, Manifest, Options, SessionReader, USERS,
    read_locations,
};
use mlp_data::{Mix, SimulatedUser, labeller};
use sha2::{Digest, Sha256};

use crate::{chi_squared, limit, shipped_locations, shipped_users, users};

fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        n_user: 300,
        ..Options::new(shipped_users(), shipped_locations())
    }
}

fn generate(options: &Options) -> Manifest {
    dataset::generate(options, |_| {}).expect("a data set")
}

/// The names and hashes of all files in a directory.
fn hashes(dir: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let hash = Sha256::digest(fs::read(&path).expect("a file"));
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (
                name,
                hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    for (mix, fresh_users, distinct) in [
        (Mix::Even, false, false),
        (Mix::MetaN, false, true),
        (Mix::Even, true, false),
        (Mix::MetaN, true, true),
    ] {
        let of_threads = |threads: usize, seed: u64| {
            let dir = tempfile::tempdir().expect("a directory");
            generate(&Options {
                threads,
                seed,
                mix,
                fresh_users,
                distinct,
                n_user: 1111,
                ..options(dir.path())
            });
            hashes(dir.path())
        };
        let one = of_threads(1, 42);
        let names: Vec<_> = one.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [LABELLED, LOCATIONS, MANIFEST, USERS]);
        for threads in [2, 3, 16] {
            assert_eq!(of_threads(threads, 42), one, "{threads} threads, {mix:?}");
        }
        let other = of_threads(1, 43);
        assert!(one.iter().zip(&other).all(|(a, b)| a.1 != b.1));
    }
}

/// A change here makes other data of old seeds: say so in the changelog.
#[test]
fn seed_42_is_what_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    generate(&options(dir.path()));
    let found = hashes(dir.path());
    let labelled = &found[0].1;
    assert_eq!(
        labelled,
        "1f49331a29aa9d1307e81e53e941b911ed596d020037250111fc9a1796cf8599"
    );
}

#[test]
fn tables_have_the_rows_that_the_manifest_states() {
    let dir = tempfile::tempdir().expect("a directory");
    for fresh_users in [false, true] {
        let manifest = generate(&Options {
            fresh_users,
            n_loc_per_user: 7,
            ..options(dir.path())
        });
        assert_eq!(Manifest::read(dir.path()).expect("a manifest"), manifest);
        let rows = |name| {
            let text = fs::read_to_string(dir.path().join(name)).expect("a table");
            assert!(text.ends_with('\n'));
            text.lines().count() as u64 - 1
        };
        assert_eq!(rows(USERS), manifest.user_rows);
        assert_eq!(rows(LOCATIONS), manifest.location_rows);
        assert_eq!(rows(LABELLED), manifest.labelled_rows);
        assert_eq!(manifest.user_rows, if fresh_users { 300 } else { 170 });
        assert_eq!(
            (manifest.location_rows, manifest.labelled_rows),
            (210, 2100)
        );
        assert_eq!(manifest.rows_per_session, 7);
    }
}

#[test]
fn a_row_is_what_pandas_expects() {
    let dir = tempfile::tempdir().expect("a directory");
    let profile = "meta_comment\tpeople_min\tpeople_max\tage_min\tage_max\tbudget_min\tbudget_max\t\
                   spa_thr\tpool_thr\n\"the \"\"best\"\"\"\t2\t2\t40\t40\t900\t900\t1\t0\n";
    generate(&Options {
        n_user: 1,
        ..Options {
            users: users(profile),
            ..options(dir.path())
        }
    });
    let text = fs::read_to_string(dir.path().join(LABELLED)).expect("a table");
    let mut lines = text
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    assert_eq!(header[..3], ["name", "people_num", "people_age"]);
    assert_eq!(
        (header[12], header[13], header[30]),
        ("sport", "children", "label")
    );
    for row in lines {
        assert_eq!(row.len(), 31);
        assert_eq!(
            row[..5],
            ["\"the \"\"best\"\"\"", "2", "[40, 40]", "0", "900.0"]
        );
        assert_eq!((row[7], row[8]), ("False", "True"));
        assert_eq!((row[6].len(), &row[6][..5]), (10, "2026-"));
        assert!(
            row[13..17]
                .iter()
                .all(|cell| ["True", "False"].contains(cell))
        );
        assert!(["0", "1"].contains(&row[30]));
    }
    let session = SessionReader::open(dir.path())
        .expect("a reader")
        .next()
        .expect("a session");
    assert_eq!(session.expect("sound").user.name, "the \"best\"");
}

#[test]
fn sessions_read_back_as_they_were_made() {
    let dir = tempfile::tempdir().expect("a directory");
    let manifest = generate(&Options {
        distinct: true,
        ..options(dir.path())
    });
    let catalog = read_locations(&dir.path().join(LOCATIONS)).expect("locations");
    assert_eq!(catalog.len(), 210);
    let reader = SessionReader::open(dir.path()).expect("a reader");
    assert_eq!(reader.manifest(), &manifest);
    let sessions: Vec<_> = reader.map(|session| session.expect("a session")).collect();
    assert_eq!(sessions.len(), 300);
    for session in &sessions {
        assert_eq!(session.locations.len(), 10);
        let indices: HashSet<_> = session
            .locations
            .iter()
            .map(|location| {
                catalog
                    .iter()
                    .position(|other| other == location)
                    .expect("of the catalogue")
            })
            .collect();
        assert_eq!(indices.len(), 10, "locations of a session differ");
    }
    let choices = sessions
        .iter()
        .filter(|session| session.chosen.is_some())
        .count();
    assert_eq!(choices as u64, manifest.sessions_with_choice);
}

#[test]
fn labels_follow_the_rule() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = shipped_users();
    let manifest = generate(&Options {
        n_user: 5000,
        fresh_users: true,
        ..options(dir.path())
    });
    let mut expected = 0.0;
    let mut variance = 0.0;
    let mut best = [0.0, 0.0];
    let mut probabilities = Vec::new();
    for session in SessionReader::open(dir.path()).expect("a reader") {
        let session = session.expect("a session");
        let mut profiles = config.profiles().iter();
        let profile = profiles
            .position(|p| p.name() == session.user.name)
            .expect("a profile");
        let user = SimulatedUser {
            user: session.user,
            behaviour: config.profiles()[profile].behaviour().clone(),
            profile,
        };
        labeller::choice_probabilities(&user, &session.locations, &mut probabilities);
        let picks: f64 = probabilities.iter().sum();
        expected += picks;
        variance += picks * (1.0 - picks);
        if let Some(chosen) = session.chosen {
            assert!(probabilities[chosen] > 0.0, "an impossible choice");
            let highest = probabilities.iter().copied().fold(0.0, f64::max);
            best[0] += f64::from(u8::from(probabilities[chosen] == highest));
            best[1] += highest / picks;
        }
    }
    let deviation = (manifest.sessions_with_choice as f64 - expected) / variance.sqrt();
    // scipy.stats.norm.isf(0.0005)
    assert!(deviation.abs() < 3.29, "{deviation}");
    let share = (best[0] - best[1]).abs() / best[1];
    assert!(share < 0.03, "{best:?}");
}

#[test]
fn locations_come_alike_with_and_without_replacement() {
    for distinct in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        generate(&Options {
            n_user: 2000,
            n_loc_per_user: 5,
            distinct,
            locations: crate::locations("meta_n\n8\n"),
            ..options(dir.path())
        });
        let catalog = read_locations(&dir.path().join(LOCATIONS)).expect("locations");
        let mut first = [0; 8];
        let mut last = [0; 8];
        for session in SessionReader::open(dir.path()).expect("a reader") {
            let shown = session.expect("a session").locations;
            let index = |at: usize| catalog.iter().position(|l| *l == shown[at]);
            first[index(0).expect("known")] += 1;
            last[index(4).expect("known")] += 1;
        }
        assert!(chi_squared(&first, &[0.125; 8]) < limit(7), "{first:?}");
        assert!(chi_squared(&last, &[0.125; 8]) < limit(7), "{last:?}");
    }
}

#[test]
fn progress_ends_at_the_total() {
    let dir = tempfile::tempdir().expect("a directory");
    for threads in [1, 3] {
        let mut seen = Vec::new();
        let options = Options {
            threads,
            n_user: 1000,
            ..options(dir.path())
        };
        dataset::generate(&options, |progress| {
            assert_eq!(progress.total, 10_000);
            seen.push(progress.rows);
        })
        .expect("a data set");
        assert!(seen.len() > 5 && seen.is_sorted());
        assert_eq!(seen.last(), Some(&10_000));
    }
}

#[test]
fn options_out_of_range_are_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let base = options(dir.path());
    let cases = [
        (
            Options {
                n_user: 0,
                ..base.clone()
            },
            "`n_user` is `0`, expected 1 to 1000000000000",
        ),
        (
            Options {
                n_loc_per_user: 100_001,
                ..base.clone()
            },
            "`n_loc_per_user` is `100001`, expected 1 to 100000",
        ),
        (
            Options {
                threads: 0,
                ..base.clone()
            },
            "`threads` is `0`, expected 1 to 256",
        ),
        (
            Options {
                n_loc_per_user: 211,
                distinct: true,
                ..base
            },
            "`n_loc_per_user` is `211`, expected at most 210, the size of the catalogue, with \
             `distinct`",
        ),
    ];
    for (options, message) in cases {
        let error = dataset::generate(&options, |_| {}).expect_err("out of range");
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0);
}

#[test]
fn a_whole_catalogue_can_be_shown() {
    let dir = tempfile::tempdir().expect("a directory");
    generate(&Options {
        n_user: 20,
        n_loc_per_user: 210,
        distinct: true,
        ..options(dir.path())
    });
    let sessions = SessionReader::open(dir.path()).expect("a reader");
    let lengths: Vec<_> = sessions
        .map(|s| s.expect("a session").locations.len())
        .collect();
    assert_eq!(lengths, [210; 20]);
}

#[test]
fn a_run_that_fails_leaves_what_was_there() {
    let dir = tempfile::tempdir().expect("a directory");
    generate(&options(dir.path()));
    let before = hashes(dir.path());
    // A directory in the way of a temporary name.
    let obstacle = dir.path().join(format!(".{LABELLED}.tmp"));
    fs::create_dir(&obstacle).expect("a directory");
    let other = Options {
        seed: 1,
        ..options(dir.path())
    };
    let error = dataset::generate(&other, |_| {}).expect_err("in the way");
    assert_eq!(
        error.to_string(),
        format!("cannot remove `{}`", obstacle.display())
    );
    fs::remove_dir(&obstacle).expect("removed");
    assert_eq!(hashes(dir.path()), before);
    // A directory in the way of a final name: no manifest may stand beside a mixture.
    fs::remove_file(dir.path().join(LABELLED)).expect("removed");
    fs::create_dir(dir.path().join(LABELLED)).expect("a directory");
    let error = dataset::generate(&other, |_| {}).expect_err("in the way");
    assert!(error.to_string().starts_with("cannot replace"), "{error}");
    assert!(matches!(
        Manifest::read(dir.path()),
        Err(DatasetError::NoManifest { .. })
    ));
    let left: Vec<_> = fs::read_dir(dir.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().ends_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn leftovers_of_a_killed_run_are_cleared() {
    let dir = tempfile::tempdir().expect("a directory");
    let target = dir.path().join("elsewhere");
    fs::write(&target, "untouched").expect("written");
    fs::write(dir.path().join(format!(".{LABELLED}.tmp")), "half").expect("written");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&target, dir.path().join(format!(".{USERS}.tmp"))).expect("a link");
    generate(&options(dir.path()));
    assert_eq!(fs::read_to_string(&target).expect("a file"), "untouched");
    assert_eq!(hashes(dir.path()).len(), 5);
}

#[test]
fn one_process_writes_at_a_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut inner = None;
    let outer = options(dir.path());
    dataset::generate(&outer, |_| {
        if inner.is_none() {
            inner = Some(dataset::generate(&outer, |_| {}));
        }
    })
    .expect("a data set");
    let error = inner.expect("called").expect_err("busy");
    assert!(matches!(error, DatasetError::Busy { .. }), "{error}");
}

#[test]
fn a_file_for_a_directory_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("written");
    let error = dataset::generate(&options(&file), |_| {}).expect_err("not a directory");
    assert_eq!(
        error.to_string(),
        format!("cannot create the directory `{}`", file.display())
    );
}
