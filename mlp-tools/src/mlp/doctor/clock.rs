//! The clocks of this machine and of the database.

use mlp_store::postgres::Skew;

use super::check::{Check, Finding, On};
use super::subject::Subject;

pub const CHECKS: [Check; 1] = [Check {
    name: "clock.skew",
    on: On::Postgres,
    needs: &["database.connection"],
    look: skew,
}];

/// How far the clocks may be apart, in microseconds. Leases and the rows' times are by the database's
/// clock, so that nothing is lost; but task ids begin with the time of the process that makes them,
/// and logs and metrics bear it. Machines that keep their time are within milliseconds: a second says
/// that one does not.
const WARN_US: i64 = 1_000_000;

/// From here on, ids of several machines are out of order by more than any request takes, and what
/// is learned from may be cut at the wrong answers.
const FAIL_US: i64 = 5_000_000;

const ADVICE: &str = "let both machines keep their time, as by chrony or systemd-timesyncd; `timedatectl` \
    says which one does not";

fn skew(subject: &Subject) -> Vec<Finding> {
    match subject.postgres() {
        Some(found) => judge(found.skew).into(),
        None => Vec::new(),
    }
}

/// What is not certain is not held against it.
fn judge(skew: Skew) -> Finding {
    let certain = skew.ahead_us.saturating_abs() - skew.uncertain_us;
    let side = if skew.ahead_us < 0 {
        "behind"
    } else {
        "ahead of"
    };
    let seconds = |us: i64| us as f64 / 1e6;
    let found = format!(
        "the database's clock is {:.3} s {side} this machine's (± {:.3} s)",
        seconds(skew.ahead_us.saturating_abs()),
        seconds(skew.uncertain_us)
    );
    match certain {
        certain if certain > FAIL_US => Finding::fail(found, ADVICE),
        certain if certain > WARN_US => Finding::warn(found, ADVICE),
        _ => Finding::ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::doctor::check::Status;

    #[test]
    fn clocks_that_are_certainly_apart_are_told() {
        for (ahead_us, uncertain_us, status, words) in [
            (300, 200, Status::Ok, "0.000 s ahead of"),
            (-900_000, 100, Status::Ok, "0.900 s behind"),
            (1_100_000, 200, Status::Warn, "1.100 s ahead of"),
            (1_100_000, 200_000, Status::Ok, "± 0.200 s"),
            (-7_000_000, 100, Status::Fail, "7.000 s behind"),
            (i64::MIN, 0, Status::Fail, "behind"),
        ] {
            let finding = judge(Skew {
                ahead_us,
                uncertain_us,
            });
            assert_eq!(finding.status, status, "{finding:?}");
            assert!(finding.found.contains(words), "{finding:?}");
        }
    }
}
