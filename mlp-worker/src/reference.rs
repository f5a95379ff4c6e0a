//! What a model's requests were like, and which model's are the normal of now.

use mlp_core::drift::{LEAST_REFERENCE, Profile, ProfileBuilder};
use mlp_core::{Artifact, Catalog, LinearModel, Ranker, Row, Schema, Scratch};
use mlp_store::{LoggedRequest, ModelRow, ModelStatus, RequestQuery, Result, Store};

/// Requests that a reference is made of, the newest.
const REQUESTS: usize = 10_000;

/// The most pairs of users and items that are scored for a reference: some seconds' work.
const PAIRS: usize = 50_000_000;

/// Requests read at a time, so that no read holds the store for long.
const PAGE: usize = 1000;

/// The requests made after one time and up to another (microseconds since 1970), the newest `limit`
/// of them, oldest first.
pub(crate) fn requests(
    store: &dyn Store,
    (after_us, until_us): (i64, i64),
    limit: usize,
) -> Result<Vec<LoggedRequest>> {
    let mut query = RequestQuery {
        after_us,
        until_us,
        before: i64::MAX,
        limit: PAGE,
    };
    let mut found: Vec<LoggedRequest> = Vec::new();
    while found.len() < limit {
        query.limit = PAGE.min(limit - found.len());
        let page = store.requests(&query)?;
        let full = page.len() == query.limit;
        found.extend(page);
        match found.last() {
            Some(last) if full => query.before = last.inference_id,
            _ => break,
        }
    }
    found.reverse();
    Ok(found)
}

/// Makes the profile of the requests of a span of time, with the model's highest score of each, as
/// far as scoring is affordable: the newest first.
pub(crate) fn reference(
    store: &dyn Store,
    schema: &Schema,
    model: &LinearModel,
    span: (i64, i64),
) -> Result<Profile> {
    let requests = requests(store, span, REQUESTS)?;
    let (version, items) = store.catalog()?;
    let rows = items.iter().map(|item| (item.item_id, &item.row));
    let catalog = Catalog::new(&schema.item, version, rows);
    let scored = PAIRS / items.len().max(1);
    let unscored = requests.len().saturating_sub(scored);
    let ranker = Ranker::new(&schema.features, model, &catalog);
    let mut best = Best::new(schema, &ranker);
    let mut profile = ProfileBuilder::new(&schema.user);
    for (place, request) in requests.iter().enumerate() {
        let score = match place < unscored {
            true => None,
            false => best.score(&request.user),
        };
        profile.push(&request.user, score, request.created_us);
    }
    Ok(profile.finish())
}

/// The highest score of a user's ranking.
struct Best<'a> {
    schema: &'a Schema,
    ranker: &'a Ranker,
    user: Vec<f64>,
    scratch: Scratch,
    ranked: Vec<mlp_core::Ranked>,
}

impl<'a> Best<'a> {
    fn new(schema: &'a Schema, ranker: &'a Ranker) -> Self {
        Self {
            schema,
            ranker,
            user: Vec::new(),
            scratch: Scratch::default(),
            ranked: Vec::new(),
        }
    }

    fn score(&mut self, user: &Row) -> Option<f64> {
        self.schema.user.numbers(user, &mut self.user);
        (self.ranker).top(&self.user, 1, &mut self.scratch, &mut self.ranked);
        self.ranked.first().map(|best| f64::from(best.score))
    }
}

/// The reference in force: what requests are normal now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    /// Whose it is.
    pub model_id: i64,
    /// Whether it is the champion's own; else that of a later model that lost to it.
    pub is_champions: bool,
    pub profile: Profile,
}

/// Models that are looked at for one that lost to the champion.
const RECENT: usize = 20;

/// The profile of the newest model that was decided after its training: the champion's, or that of a
/// later model that was rejected against this champion. Where a better model was looked for on newer
/// requests and none was found, these are what the champion was confirmed on, and the new normal. One
/// of too few requests gives no verdict, and is passed over.
///
/// `Err` says why there is none.
pub(crate) fn in_force(
    store: &dyn Store,
    champion: Option<&ModelRow>,
) -> Result<std::result::Result<Reference, String>> {
    let Some(champion) = champion else {
        return Ok(Err("there is no champion yet".to_owned()));
    };
    for row in store.models(RECENT)? {
        if row.model_id > champion.model_id
            && row.status == ModelStatus::Rejected
            && let Ok(artifact) = Artifact::from_json(&row.artifact)
            && artifact.lineage.parent == Some(champion.model_id)
            && let Some(mut profile) = artifact.reference.filter(is_enough)
        {
            // Its scores are not those that the champion gives.
            profile.features.retain(|feature| !feature.score);
            return Ok(Ok(Reference {
                model_id: row.model_id,
                is_champions: false,
                profile,
            }));
        }
    }
    let model_id = champion.model_id;
    let profile = match Artifact::from_json(&champion.artifact) {
        Ok(artifact) => artifact.reference,
        Err(error) => return Ok(Err(format!("model {model_id} cannot be read: {error}"))),
    };
    Ok(match profile {
        None => Err(format!(
            "model {model_id} keeps no profile of its requests: train anew"
        )),
        Some(profile) if !is_enough(&profile) => Err(format!(
            "model {model_id} was trained on `{}` distinct requests, at least {LEAST_REFERENCE} are \
             needed",
            profile.distinct
        )),
        Some(profile) => Ok(Reference {
            model_id,
            is_champions: true,
            profile,
        }),
    })
}

fn is_enough(profile: &Profile) -> bool {
    profile.distinct >= LEAST_REFERENCE
}
