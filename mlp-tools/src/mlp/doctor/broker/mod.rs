//! RabbitMQ and Redis, where tasks travel. Without a broker there are no lines.

#[cfg(feature = "celery")]
mod there;

use super::check::{Check, Finding, On};
use super::subject::Subject;

/// Without the feature there is nothing to look at but that a broker was named all the same.
#[cfg(not(feature = "celery"))]
pub const CHECKS: [Check; 1] = [CONFIGURATION];

#[cfg(feature = "celery")]
pub const CHECKS: [Check; 5] = [
    CONFIGURATION,
    there::EXPOSURE,
    there::CONNECTION,
    there::QUEUE,
    there::RESULTS,
];

const CONFIGURATION: Check = Check {
    name: "broker.config",
    on: On::All,
    needs: &[],
    look: configuration,
};

fn configuration(subject: &Subject) -> Vec<Finding> {
    match subject.said.celery.settings() {
        Ok(None) => Vec::new(),
        #[cfg(feature = "celery")]
        Ok(Some(settings)) => there::described(&settings).into(),
        #[cfg(not(feature = "celery"))]
        Ok(Some(never)) => match never {},
        Err(error) => {
            let said = error.to_string();
            let own = NUMBERS.iter().find(|(name, _)| said.contains(name));
            Finding::fail(said, own.map_or(URLS, |(_, advice)| advice)).into()
        }
    }
}

/// Settings that are numbers, and what to do about a wrong one.
const NUMBERS: [(&str, &str); 3] = [
    (
        "MLP_CELERY_PREFETCH",
        "let MLP_CELERY_PREFETCH be messages from 1 to 65535; without it they are 1024",
    ),
    (
        "MLP_CELERY_RESEND_S",
        "let MLP_CELERY_RESEND_S be seconds from 0.1 to 3600, above the time of the slowest task; \
         without it they are 10",
    ),
    (
        "MLP_CELERY_RESULT_EXPIRES_S",
        "let MLP_CELERY_RESULT_EXPIRES_S be seconds from 1 to 315360000; without it they are 86400",
    ),
];

const URLS: &str = "set CELERY_BROKER_URL to amqp://USER:PASSWORD@HOST:PORT/VHOST and CELERY_BACKEND_URL to \
             redis://:PASSWORD@HOST:PORT/DB, or neither to take tasks from the database; files that \
             CELERY_BROKER_URL_FILE, CELERY_BACKEND_URL_FILE and MLP_CELERY_CA_FILE name must be \
             readable by the user that runs mlp";
