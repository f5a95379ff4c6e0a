//! Every route, as data: the router, the checks, the OpenAPI document, the page of it and the
//! metrics' labels all follow from this table.

use hyper::Method;
use mlp_core::Schema;

use crate::shapes::Shape;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Anybody.
    Public,
    /// Anybody, from a page of this server: a form needs no preflight, so that a page of another
    /// site could send it in its reader's name.
    Form,
    /// Who has the token, or the cookie that the token was traded for.
    Dashboard,
    Content,
    Training,
    Models,
    Drift,
    Ops,
}

/// What a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    Root,
    Start,
    Status,
    Results,
    Rank,
    Select,
    TrainStart,
    TrainStatus,
    Info,
    Item,
    PutItem,
    DeleteItem,
    Items,
    User,
    EraseUser,
    Users,
    Result,
    ResultsOf,
    Models,
    Model,
    Promote,
    Rollback,
    Drift,
    DriftHistory,
    DriftRun,
    DriftStatus,
    Metrics,
    OpenApi,
    Docs,
    Asset,
    Try,
    TryResults,
    TryChoose,
    Dashboard,
    Login,
    Logout,
    ConfirmPromotion,
    PromoteByForm,
    ConfirmRollback,
    RollbackByForm,
    Healthz,
    Readyz,
}

/// A parameter outside the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// How many results.
    Limit,
    /// How many rows.
    PageLimit,
    /// How many reports.
    HistoryLimit,
    After,
    Wait,
    Explain,
    IdempotencyKey,
    Priority,
}

/// One route with its names made concrete.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub method: Method,
    /// With `{name}` for the parameter, if any.
    pub path: String,
    pub scope: Scope,
    pub endpoint: Endpoint,
    pub summary: String,
    pub parameters: &'static [Parameter],
    /// The body that it reads.
    pub body: Option<Shape>,
    /// The body of its answer.
    pub answer: Shape,
    /// The statuses it answers with when it does not succeed, beyond those of every route.
    pub failures: &'static [u16],
}

impl Route {
    /// The status of success.
    pub fn success(&self) -> u16 {
        match self.answer {
            Shape::Nothing => 204,
            Shape::SeeOther => 303,
            _ => 200,
        }
    }

    /// Whether a person reads its answers in a browser, failures too.
    pub fn is_page(&self) -> bool {
        matches!(self.answer, Shape::Page | Shape::SeeOther)
    }

    /// Whether a user's session is under way in it. A status may wait for as long as it was asked
    /// to, which would tell of nothing.
    pub fn is_session(&self) -> bool {
        use Endpoint::{Rank, Results, Select, Start, Try, TryChoose, TryResults};
        matches!(
            self.endpoint,
            Start | Results | Rank | Select | Try | TryResults | TryChoose
        )
    }

    /// The name of the parameter in the path.
    pub fn path_parameter(&self) -> Option<&str> {
        let (_, rest) = self.path.split_once('{')?;
        rest.split_once('}').map(|(name, _)| name)
    }

    /// The path as metrics name it: the pattern, cut to two segments.
    pub fn label(&self) -> String {
        let mut segments = self.path.split('/').skip(1);
        let first = segments.next().unwrap_or_default();
        match segments.next() {
            Some(second) => format!("/{first}/{second}"),
            None => format!("/{first}"),
        }
    }
}

struct Spec {
    method: Method,
    path: &'static str,
    scope: Scope,
    endpoint: Endpoint,
    summary: &'static str,
    parameters: &'static [Parameter],
    body: Option<Shape>,
    answer: Shape,
    failures: &'static [u16],
}

const fn spec(
    method: Method,
    path: &'static str,
    scope: Scope,
    endpoint: Endpoint,
    answer: Shape,
    summary: &'static str,
) -> Spec {
    Spec {
        method,
        path,
        scope,
        endpoint,
        summary,
        parameters: &[],
        body: None,
        answer,
        failures: &[],
    }
}

impl Spec {
    const fn takes(mut self, body: Shape) -> Self {
        self.body = Some(body);
        self
    }

    const fn with(mut self, parameters: &'static [Parameter]) -> Self {
        self.parameters = parameters;
        self
    }

    const fn fails(mut self, failures: &'static [u16]) -> Self {
        self.failures = failures;
        self
    }

    fn concrete(&self, schema: &Schema) -> Route {
        let fill = |text: &str| {
            text.replace("<item>", &schema.item.name)
                .replace("<items>", &schema.item.table)
                .replace("<user>", &schema.user.name)
                .replace("<users>", &schema.user.table)
        };
        Route {
            method: self.method.clone(),
            path: fill(self.path),
            scope: self.scope,
            endpoint: self.endpoint,
            summary: fill(self.summary),
            parameters: self.parameters,
            body: self.body,
            answer: self.answer,
            failures: self.failures,
        }
    }
}

/// The table for a schema.
pub(crate) fn routes(schema: &Schema) -> Vec<Route> {
    let groups = [
        inference(),
        training(),
        content(),
        models(),
        drift(),
        pages(),
        service(),
    ];
    groups
        .iter()
        .flatten()
        .map(|s| s.concrete(schema))
        .collect()
}

#[rustfmt::skip]
fn inference() -> Vec<Spec> {
    use Parameter::{Explain, IdempotencyKey, Limit, Priority, Wait};
    use Scope::Public;
    vec![
        spec(Method::POST, "/inference/start", Public, Endpoint::Start, Shape::Task,
            "Ask for the best <items> for a <user>; a worker ranks them. `candidates` ranks only these ids; unknown ones are passed over")
            .takes(Shape::Request).with(&[IdempotencyKey, Priority]).fails(&[422, 503]),
        spec(Method::GET, "/inference/status/{task_id}", Public, Endpoint::Status, Shape::Task,
            "How far an inference is; `wait` holds the answer until that is final. 500 where the task failed")
            .with(&[Wait]).fails(&[404, 422, 500]),
        spec(Method::GET, "/inference/results/{task_id}", Public, Endpoint::Results, Shape::Results,
            "The best <items> by descending score; what is returned counts as shown")
            .with(&[Limit, Explain]).fails(&[404, 409, 422, 500]),
        spec(Method::POST, "/inference/rank", Public, Endpoint::Rank, Shape::Ranking,
            "Start and results in one call, without a task")
            .takes(Shape::Request).with(&[Limit, Explain, IdempotencyKey]).fails(&[422, 503]),
        spec(Method::PUT, "/inference/select", Public, Endpoint::Select, Shape::Selected,
            "Tell which <item> the <user> picked, or -1 for none of these; the last selection stands")
            .takes(Shape::Selection).fails(&[404, 409, 422]),
    ]
}

#[rustfmt::skip]
fn training() -> Vec<Spec> {
    use Scope::Training;
    vec![
        spec(Method::POST, "/train/start", Training, Endpoint::TrainStart, Shape::Task,
            "Train a model; while one is pending, that one's task is the answer").fails(&[503]),
        spec(Method::GET, "/train/status/{task_id}", Training, Endpoint::TrainStatus, Shape::Task,
            "How far a training is. 500 where it failed").with(&[Parameter::Wait]).fails(&[404, 422, 500]),
    ]
}

#[rustfmt::skip]
fn content() -> Vec<Spec> {
    use Parameter::{After, PageLimit};
    use Scope::Content;
    vec![
        spec(Method::GET, "/content/info", Content, Endpoint::Info, Shape::Counts,
            "How many <items> and <users> there are"),
        spec(Method::GET, "/content/<item>/{<item>_id}", Content, Endpoint::Item, Shape::ItemRow,
            "One <item> as it is now").fails(&[404, 422]),
        spec(Method::PUT, "/content/<item>/{<item>_id}", Content, Endpoint::PutItem, Shape::ItemRow,
            "Add or change a <item>; a change is a new version").takes(Shape::ItemBody).fails(&[422]),
        spec(Method::DELETE, "/content/<item>/{<item>_id}", Content, Endpoint::DeleteItem, Shape::Nothing,
            "Withdraw a <item>: it is not ranked any more").fails(&[404, 422]),
        spec(Method::GET, "/content/<items>", Content, Endpoint::Items, Shape::ItemRows,
            "<items> by ascending id").with(&[PageLimit, After]).fails(&[422]),
        spec(Method::GET, "/content/<user>/{<user>_id}", Content, Endpoint::User, Shape::UserRow,
            "One <user>").fails(&[404, 422]),
        spec(Method::DELETE, "/content/<user>/{<user>_id}", Content, Endpoint::EraseUser, Shape::Nothing,
            "Erase a <user>'s texts; the numbers stay").fails(&[404, 422]),
        spec(Method::GET, "/content/<users>", Content, Endpoint::Users, Shape::UserRows,
            "<users> by ascending id").with(&[PageLimit, After]).fails(&[422]),
        spec(Method::GET, "/content/result/{result_id}", Content, Endpoint::Result, Shape::ResultRow,
            "One ranked <item> of one inference").fails(&[404, 422]),
        spec(Method::GET, "/content/results/{task_id}", Content, Endpoint::ResultsOf, Shape::ResultRows,
            "All ranked <items> of an inference, by rank").fails(&[404]),
    ]
}

#[rustfmt::skip]
fn models() -> Vec<Spec> {
    use Scope::Models;
    vec![
        spec(Method::GET, "/models", Models, Endpoint::Models, Shape::Models,
            "The models, the newest first").with(&[Parameter::PageLimit]).fails(&[422]),
        spec(Method::GET, "/models/{model_id}", Models, Endpoint::Model, Shape::Model,
            "One model").fails(&[404, 422]),
        spec(Method::POST, "/models/{model_id}/promote", Models, Endpoint::Promote, Shape::Model,
            "Make a model the champion").fails(&[404, 409, 422]),
        spec(Method::POST, "/models/rollback", Models, Endpoint::Rollback, Shape::Model,
            "Bring the champion before this one back").fails(&[409]),
    ]
}

#[rustfmt::skip]
fn pages() -> Vec<Spec> {
    use Scope::{Dashboard, Form, Public};
    vec![
        spec(Method::POST, "/try", Form, Endpoint::Try, Shape::SeeOther,
            "Ask for the best <items> with the form at `/`").takes(Shape::TryForm).fails(&[400, 422, 503]),
        spec(Method::GET, "/try/{task_id}", Public, Endpoint::TryResults, Shape::Page,
            "The best <items> with the reasons of each score, to choose from").fails(&[404, 409, 500]),
        spec(Method::POST, "/try/{task_id}", Form, Endpoint::TryChoose, Shape::SeeOther,
            "Choose one of them, or none").takes(Shape::ChoiceForm).fails(&[400, 404, 409]),
        spec(Method::GET, "/dashboard", Dashboard, Endpoint::Dashboard, Shape::Page,
            "Whether the model is well, and what may be done about it"),
        spec(Method::POST, "/dashboard/login", Form, Endpoint::Login, Shape::SeeOther,
            "Trade the token for a cookie").takes(Shape::LoginForm).fails(&[400, 401]),
        spec(Method::POST, "/dashboard/logout", Form, Endpoint::Logout, Shape::SeeOther,
            "Give the cookie back"),
        spec(Method::GET, "/dashboard/promote/{model_id}", Dashboard, Endpoint::ConfirmPromotion, Shape::Page,
            "Ask whether a model is to be the champion").fails(&[404, 422]),
        spec(Method::POST, "/dashboard/promote/{model_id}", Dashboard, Endpoint::PromoteByForm, Shape::SeeOther,
            "Make a model the champion, if that is still the one that the form names")
            .takes(Shape::DecisionForm).fails(&[400, 404, 409, 422]),
        spec(Method::GET, "/dashboard/rollback", Dashboard, Endpoint::ConfirmRollback, Shape::Page,
            "Ask whether the champion before is to come back").fails(&[409]),
        spec(Method::POST, "/dashboard/rollback", Dashboard, Endpoint::RollbackByForm, Shape::SeeOther,
            "Bring it back, if the champion is still the one that the form names")
            .takes(Shape::DecisionForm).fails(&[400, 409]),
        spec(Method::GET, "/assets/{file}", Public, Endpoint::Asset, Shape::Asset,
            "The pages' style and script").fails(&[404]),
    ]
}

#[rustfmt::skip]
fn drift() -> Vec<Spec> {
    use Scope::Drift;
    vec![
        spec(Method::GET, "/drift", Drift, Endpoint::Drift, Shape::WatchReport,
            "What the newest look at the traffic found").fails(&[404]),
        spec(Method::GET, "/drift/history", Drift, Endpoint::DriftHistory, Shape::WatchReports,
            "What looks at the traffic found, the newest first").with(&[Parameter::HistoryLimit]).fails(&[422]),
        spec(Method::POST, "/drift/run", Drift, Endpoint::DriftRun, Shape::Task,
            "Look at the traffic now; while a look is pending, that one's task is the answer. It sets no alarm off: the looks of the schedule do").fails(&[503]),
        spec(Method::GET, "/drift/status/{task_id}", Drift, Endpoint::DriftStatus, Shape::Task,
            "How far a look is. 500 where it failed").with(&[Parameter::Wait]).fails(&[404, 422, 500]),
    ]
}

#[rustfmt::skip]
fn service() -> Vec<Spec> {
    use Scope::{Ops, Public};
    vec![
        spec(Method::GET, "/", Public, Endpoint::Root, Shape::Greeting, "A greeting; in browsers, a page to try it"),
        spec(Method::GET, "/healthz", Public, Endpoint::Healthz, Shape::Health, "Whether the process is up"),
        spec(Method::GET, "/readyz", Public, Endpoint::Readyz, Shape::Ready, "Whether requests can be served").fails(&[503]),
        spec(Method::GET, "/metrics", Ops, Endpoint::Metrics, Shape::Metrics, "Metrics for Prometheus"),
        spec(Method::GET, "/openapi.json", Public, Endpoint::OpenApi, Shape::OpenApi, "This description"),
        spec(Method::GET, "/docs", Public, Endpoint::Docs, Shape::Page, "This description as a page"),
    ]
}
