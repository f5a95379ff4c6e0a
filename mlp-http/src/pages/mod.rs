//! The pages for people: HTML made here, with one style and one script of our own and nothing from
//! outside. All of it works without the script.
//!
//! A page is a function from plain data to markup, so that tests feed it what no store would hold
//! for long. Markup is maud's, which escapes whatever is spliced in: names, levels and reasons may
//! be hostile.

mod assets;
mod broken;
mod chart;
mod dashboard;
mod docs;
mod example;
mod form;
mod layout;
mod login;
mod results;
mod urlencoded;
mod words;

pub(crate) use assets::Assets;
pub(crate) use broken::broken;
pub(crate) use dashboard::{Confirm, ModelView, Stored, View, confirm, dashboard};
pub(crate) use docs::docs;
pub(crate) use example::example;
pub(crate) use form::{Filled, try_form};
pub(crate) use layout::{Place, Shell};
pub(crate) use login::login;
pub(crate) use results::{Answered, Offer, Offered, Tally, results};
pub(crate) use urlencoded::pairs;
