//! What an empty database begins with: `mlp up` and `mlp db seed`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;
use mlp_store::{AUTO_RETRAIN_SETTING, Store};

use super::arguments::whole;
use super::context::Context;
use super::error::{Error, Result};
use super::seed::{self, Configs};
use super::train;

/// Flags about the beginning.
#[derive(Args, Clone, Debug)]
pub struct Beginning {
    /// Begin with this data set, made by dataset_generator, instead of a new one
    #[arg(long, value_name = "DIR")]
    pub dataset: Option<PathBuf>,

    /// Begin with nothing: no items, no sessions, no model
    #[arg(long, env = "MLP_EMPTY", value_parser = FalseyValueParser::new())]
    pub empty: bool,

    #[command(flatten)]
    pub configs: Configs,

    /// Sessions of the data set that is made
    #[arg(long, default_value_t = 2000, value_parser = whole::<u64>(50, 1_000_000))]
    pub sessions: u64,

    /// The seed of the data set that is made
    #[arg(long, default_value_t = 42, value_parser = whole::<u64>(0, u64::MAX))]
    pub seed: u64,
}

impl Beginning {
    /// Fills an empty store, and asks for a model where there is none, or none that can serve.
    pub fn begin(&self, context: &Context, store: &dyn Store) -> Result<()> {
        if self.empty && self.dataset.is_some() {
            return Err(Error::usage(
                "it begins with nothing (--empty, MLP_EMPTY) and with a data set (--dataset): give one of them",
            ));
        }
        retrain_outdated(context, store)?;
        if self.empty {
            return Ok(());
        }
        if store.counts()?.items == 0 {
            self.fill(context, store)?;
        }
        let counts = store.counts()?;
        if store.models(1)?.is_empty() && counts.items > 0 && counts.users > 0 {
            // What was put in as the past will not change any more.
            train::enqueue(store, "first model", Some(0.0))?;
        }
        Ok(())
    }

    fn fill(&self, context: &Context, store: &dyn Store) -> Result<()> {
        let Some(dir) = self.dataset(context)? else {
            tracing::warn!("there are no items yet: `mlp items import FILE` brings some");
            return Ok(());
        };
        let seeded = seed::import(store, &context.schema, &dir)?;
        tracing::info!(
            items = seeded.items,
            sessions = seeded.sessions,
            dataset = %dir.display(),
            "the store was empty: a data set was put into it"
        );
        Ok(())
    }

    /// The data set to begin with: the one named, or a new one where the domain can be simulated.
    fn dataset(&self, context: &Context) -> Result<Option<PathBuf>> {
        if let Some(dir) = &self.dataset {
            return Ok(Some(dir.clone()));
        }
        if context.schema.name != "travel" {
            return Ok(None);
        }
        let dir = context.common.data_dir.join("dataset");
        seed::generate(&self.configs, &dir, self.sessions, self.seed)?;
        Ok(Some(dir))
    }
}

/// Asks for a training where none of the models that are to answer can, as after a change of the
/// schema: until then every list is in random order.
fn retrain_outdated(context: &Context, store: &dyn Store) -> Result<()> {
    let serving = store.serving_models()?;
    let mut why = (serving.iter()).map(|row| row.model(&context.schema).err());
    let Some(Some(error)) = why.next() else {
        return Ok(());
    };
    let is_on = store.setting(AUTO_RETRAIN_SETTING)?.as_deref() != Some("false");
    if why.all(|error| error.is_some()) && is_on {
        tracing::warn!(%error, "no model can serve: every list is in random order until one is trained, which is asked for");
        // What was answered a moment ago may change still, but the next training will see that.
        train::enqueue(store, "no model can serve", Some(0.0))?;
    }
    Ok(())
}
