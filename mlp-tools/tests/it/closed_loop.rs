//! `mlp simulate`: what the loop makes of models.

use serde_json::Value as Json;

use crate::process::mlp;

/// The stories that the command wrote, and what it printed.
fn simulate(flags: &[&str]) -> (Vec<Json>, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("loop.json");
    let mut command = mlp(dir.path());
    command.arg("simulate").args(flags).arg("--json").arg(&file);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let stories = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    (stories, String::from_utf8(output.stdout).unwrap())
}

/// A statistic of the champion before the first round and after each.
fn course(story: &Json, name: &str) -> Vec<f64> {
    let rounds = story["quality"].as_array().unwrap();
    rounds.iter().map(|q| q[name].as_f64().unwrap()).collect()
}

fn of<'a>(stories: &'a [Json], policy: &str) -> Vec<&'a Json> {
    let those = stories.iter().filter(|story| story["policy"] == policy);
    those.collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn last(course: &[f64]) -> f64 {
    *course.last().unwrap()
}

#[test]
fn a_seed_is_one_story() {
    let flags = ["--rounds", "3", "--per-round", "100", "--seeds", "1"];
    let (first, said) = simulate(&flags);
    let (again, _) = simulate(&flags);
    assert_eq!(first, again);
    for policy in ["never", "gated", "always", "greedy"] {
        let story = of(&first, policy);
        assert_eq!(course(story[0], "auc").len(), 4);
        assert!(said.contains(&format!("{policy} (from ")), "{said}");
    }
    let never = of(&first, "never")[0];
    let quality = course(never, "precision_at_1");
    assert!(quality.iter().all(|x| *x == quality[0]), "{quality:?}");
    assert_eq!(of(&first, "always")[0]["promotions"], 3);
}

#[test]
#[ignore = "five seeds of twenty rounds: scripts/verify.sh closed_loop"]
fn the_loop_learns_and_does_not_degenerate() {
    let (stories, said) = simulate(&[]);
    println!("{said}");
    let first_place = |policy| {
        let those = of(&stories, policy);
        mean(those.iter().map(|s| last(&course(s, "precision_at_1"))))
    };
    for story in of(&stories, "gated") {
        assert!(story["promotions"].as_u64().unwrap() >= 1, "{story}");
    }
    let gain = first_place("gated") - first_place("never");
    assert!(gain >= 0.02, "gated over never: {gain}");
    for story in of(&stories, "always") {
        let (ndcg, auc) = (course(story, "ndcg"), course(story, "auc"));
        assert!(ndcg.iter().all(|x| *x >= 0.96), "{ndcg:?}");
        let end = mean(ndcg[ndcg.len() - 10..].iter().copied());
        assert!(end >= 0.985, "NDCG of the last ten rounds: {end}");
        assert!((last(&auc) - auc[1]).abs() <= 0.01, "{auc:?}");
    }
    let always = first_place("always");
    assert!(always >= 0.57, "always: {always}");
}
