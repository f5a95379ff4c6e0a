//! Tasks over RabbitMQ and Redis, where the program was built for it.

use std::sync::Arc;

use clap::Args;
use mlp_core::Schema;
use mlp_store::{Live, Roles, Store, Transport};

use super::error::{Error, Result};
use super::settings::file_of;

/// Flags of the transport over RabbitMQ and Redis; numbers are read with the settings, so that
/// `mlp doctor` can tell of wrong ones.
#[derive(Args, Clone, Debug, Default)]
pub struct Celery {
    /// RabbitMQ, where tasks travel as Celery's: `pyamqp://`, `amqp://` or `amqps://`
    /// `USER:PASSWORD@HOST:PORT/VHOST`; several separated by `;`. Default: what the file that
    /// CELERY_BROKER_URL_FILE names says; else tasks are taken from the database
    #[arg(
        long = "celery-broker",
        env = "CELERY_BROKER_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    broker: Option<String>,

    /// Redis, where results are kept as Celery's: `redis://` or `rediss://` `:PASSWORD@HOST:PORT/DB`.
    /// Default: what the file that CELERY_BACKEND_URL_FILE names says
    #[arg(
        long = "celery-backend",
        env = "CELERY_BACKEND_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    backend: Option<String>,

    /// The queue. Empty: `celery`
    #[arg(
        long = "celery-queue",
        env = "CELERY_QUEUE",
        default_value = "",
        value_name = "NAME"
    )]
    queue: String,

    /// Names of the task that ranks, separated by commas: the first is published, all are taken.
    /// Default: mlp.inference,mlprod.worker.tasks.inference.inference
    #[arg(
        long = "celery-inference-tasks",
        env = "MLP_CELERY_INFERENCE_TASKS",
        value_delimiter = ',',
        value_name = "NAMES"
    )]
    inference_tasks: Option<Vec<String>>,

    /// Names of the task that trains, separated by commas. Default:
    /// mlp.training,mlprod.worker.tasks.train.training
    #[arg(
        long = "celery-training-tasks",
        env = "MLP_CELERY_TRAINING_TASKS",
        value_delimiter = ',',
        value_name = "NAMES"
    )]
    training_tasks: Option<Vec<String>>,

    /// Messages that a worker holds before it acknowledges them
    #[arg(
        long = "celery-prefetch",
        env = "MLP_CELERY_PREFETCH",
        default_value = "1024",
        value_name = "MESSAGES"
    )]
    prefetch: String,

    /// Seconds after which a task without a result is published again where nobody listens to the
    /// queue; six times that where a worker listens. To be above the time of the slowest task
    #[arg(
        long = "celery-resend",
        env = "MLP_CELERY_RESEND_S",
        default_value = "10",
        value_name = "SECONDS"
    )]
    resend: String,

    /// Seconds that results stay in Redis
    #[arg(
        long = "celery-result-expires",
        env = "MLP_CELERY_RESULT_EXPIRES_S",
        default_value = "86400",
        value_name = "SECONDS"
    )]
    result_expires: String,

    /// A PEM file with the certificates that are trusted over TLS, instead of the system's
    #[arg(long = "celery-ca", env = "MLP_CELERY_CA_FILE", value_name = "FILE")]
    ca: Option<String>,
}

impl Celery {
    /// The two URLs; `None` where tasks do not travel.
    fn urls(&self) -> Result<Option<(String, String)>> {
        let url = |given: &Option<String>, variable: &str| match given {
            Some(url) if !url.is_empty() => Ok(Some(url.clone())),
            _ => {
                let text = file_of(variable)?;
                let url = text.map(|text| text.trim().to_owned());
                Ok::<_, Error>(url.filter(|url| !url.is_empty()))
            }
        };
        let broker = url(&self.broker, "CELERY_BROKER_URL_FILE")?;
        let backend = url(&self.backend, "CELERY_BACKEND_URL_FILE")?;
        let missing = |has: &str, lacks: &str| {
            Err(Error::usage(format!(
                "{has} is set, but {lacks} is not: both or none"
            )))
        };
        match (broker, backend) {
            (None, None) => Ok(None),
            (Some(broker), Some(backend)) => Ok(Some((broker, backend))),
            (Some(_), None) => missing("CELERY_BROKER_URL", "CELERY_BACKEND_URL"),
            (None, Some(_)) => missing("CELERY_BACKEND_URL", "CELERY_BROKER_URL"),
        }
    }
}

#[cfg(feature = "celery")]
mod there {
    use std::fmt::Display;
    use std::ops::RangeInclusive;
    use std::path::Path;
    use std::str::FromStr;
    use std::time::Duration;

    use mlp_store::celery::{CelerySettings, CeleryTransport};

    use super::*;

    /// Seconds that results may stay in Redis: ten years.
    const LONGEST_KEPT_S: u64 = 315_360_000;

    /// A number that a variable or its flag says.
    fn within<T>(name: &str, text: &str, range: RangeInclusive<T>) -> Result<T>
    where
        T: Display + FromStr + PartialOrd,
    {
        let number = text.trim().parse().ok();
        number.filter(|n| range.contains(n)).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Error::usage(format!(
                "{name} is `{text}`, must be a number from {least} to {most}"
            ))
        })
    }

    impl Celery {
        /// What the flags say, checked; `None` where tasks do not travel.
        pub fn settings(&self) -> Result<Option<CelerySettings>> {
            let Some((broker, backend)) = self.urls()? else {
                return Ok(None);
            };
            let ca = match self.ca.as_deref().filter(|path| !path.is_empty()) {
                Some(path) => {
                    let path = Path::new(path);
                    Some(std::fs::read_to_string(path).map_err(Error::file("read", path))?)
                }
                None => None,
            };
            let prefetch = within("MLP_CELERY_PREFETCH", &self.prefetch, 1..=u16::MAX)?;
            let resend = within("MLP_CELERY_RESEND_S", &self.resend, 0.1..=3600.0)?;
            let expires = within(
                "MLP_CELERY_RESULT_EXPIRES_S",
                &self.result_expires,
                1..=LONGEST_KEPT_S,
            )?;
            let mut settings = CelerySettings::new(&broker, &backend, &self.queue, ca)
                .map_err(Error::usage_from)?
                .prefetch(prefetch)
                .resend_after(Duration::from_secs_f64(resend))
                .result_expires(Duration::from_secs(expires));
            if let Some(names) = &self.inference_tasks {
                settings = (settings.inference_tasks(names.clone())).map_err(Error::usage_from)?;
            }
            if let Some(names) = &self.training_tasks {
                settings = (settings.training_tasks(names.clone())).map_err(Error::usage_from)?;
            }
            Ok(Some(settings))
        }

        /// Starts the transport; `None` where tasks are taken from the store.
        pub fn start(
            &self,
            store: &Arc<dyn Store>,
            schema: &Arc<Schema>,
            live: &Arc<Live>,
            roles: Roles,
        ) -> Result<Option<Arc<dyn Transport>>> {
            let Some(settings) = self.settings()? else {
                return Ok(None);
            };
            tracing::info!(
                broker = settings.broker_place(),
                results = settings.results_place(),
                queue = settings.queue(),
                "tasks travel as Celery's"
            );
            let (store, schema, live) = (Arc::clone(store), Arc::clone(schema), Arc::clone(live));
            let transport = CeleryTransport::start(settings, store, schema, live, roles)?;
            Ok(Some(transport))
        }
    }
}

#[cfg(not(feature = "celery"))]
impl Celery {
    /// Refuses to be told of a broker: whoever names one relies on it.
    pub fn settings(&self) -> Result<Option<std::convert::Infallible>> {
        match self.urls()? {
            None => Ok(None),
            Some(_) => Err(Error::usage(
                "CELERY_BROKER_URL is set, but this mlp was built without Celery: build it with \
                 `cargo build --release --features celery`, or unset the variable to take tasks \
                 from the database",
            )),
        }
    }

    /// Starts nothing, as [`settings`](Self::settings).
    pub fn start(
        &self,
        _: &Arc<dyn Store>,
        _: &Arc<Schema>,
        _: &Arc<Live>,
        _: Roles,
    ) -> Result<Option<Arc<dyn Transport>>> {
        self.settings().map(|_| None)
    }
}
