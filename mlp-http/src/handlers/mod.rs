//! What the routes do.

mod content;
mod dashboard;
mod drift;
mod inference;
mod models;
mod pages;
mod results;
mod service;
mod session;
mod tasks;

use bytes::Bytes;
use hyper::header::HeaderMap;

use crate::answer::Answer;
use crate::app::Shared;
use crate::failure::Failure;
use crate::query::{Query, path_int};
use crate::routes::{Endpoint, Route};

pub(crate) use dashboard::ask_for_token;

/// A request that has passed the checks.
pub(crate) struct Call<'a> {
    pub shared: &'a Shared,
    pub route: &'a Route,
    /// The parameter in the path.
    pub parameter: &'a str,
    pub query: Query<'a>,
    pub headers: &'a HeaderMap,
    pub body: Bytes,
}

impl Call<'_> {
    /// The whole number in the path.
    fn id(&self) -> Result<i64, Failure> {
        let name = self.route.path_parameter().unwrap_or_default();
        path_int(name, self.parameter)
    }
}

/// Does what the route says.
pub(crate) async fn run(call: &Call<'_>) -> Result<Answer, Failure> {
    match call.route.endpoint {
        Endpoint::Start => inference::start(call).await,
        Endpoint::Status => tasks::status(call, mlp_store::TaskKind::Inference).await,
        Endpoint::Results => results::results(call).await,
        Endpoint::Rank => inference::rank(call).await,
        Endpoint::Select => inference::select(call).await,
        Endpoint::TrainStart => tasks::train(call).await,
        Endpoint::TrainStatus => tasks::status(call, mlp_store::TaskKind::Training).await,
        Endpoint::Info => content::info(call).await,
        Endpoint::Item => content::item(call).await,
        Endpoint::PutItem => content::put_item(call).await,
        Endpoint::DeleteItem => content::delete_item(call).await,
        Endpoint::Items => content::items(call).await,
        Endpoint::User => content::user(call).await,
        Endpoint::EraseUser => content::erase_user(call).await,
        Endpoint::Users => content::users(call).await,
        Endpoint::Result => content::result(call).await,
        Endpoint::ResultsOf => content::results_of(call).await,
        Endpoint::Models => models::list(call).await,
        Endpoint::Model => models::one(call).await,
        Endpoint::Promote => models::promote(call).await,
        Endpoint::Rollback => models::rollback(call).await,
        Endpoint::Drift => drift::newest(call).await,
        Endpoint::DriftHistory => drift::history(call).await,
        Endpoint::DriftRun => drift::run(call).await,
        Endpoint::DriftStatus => tasks::status(call, mlp_store::TaskKind::Monitoring).await,
        Endpoint::Root => Ok(service::root(call)),
        Endpoint::Try => pages::ask(call).await,
        Endpoint::TryResults => pages::results(call).await,
        Endpoint::TryChoose => pages::choose(call).await,
        Endpoint::Dashboard => dashboard::show(call).await,
        Endpoint::Login => dashboard::login(call),
        Endpoint::Logout => Ok(dashboard::logout(call)),
        Endpoint::ConfirmPromotion => dashboard::confirm_promotion(call).await,
        Endpoint::PromoteByForm => dashboard::promote(call).await,
        Endpoint::ConfirmRollback => dashboard::confirm_rollback(call).await,
        Endpoint::RollbackByForm => dashboard::rollback(call).await,
        Endpoint::Asset => pages::asset(call),
        Endpoint::Healthz => Ok(service::healthz()),
        Endpoint::Readyz => service::readyz(call).await,
        Endpoint::Metrics => service::metrics(call).await,
        Endpoint::OpenApi => Ok(Answer::json(call.shared.openapi.clone())),
        Endpoint::Docs => Ok(Answer::html(call.shared.docs.clone())),
    }
}
