//! The page that asks for the token.

use maud::html;

use super::{Place, Shell};

/// The form; `is_wrong`, one was given that is not the token.
pub(crate) fn login(shell: Shell<'_>, is_wrong: bool) -> String {
    let wrong = is_wrong.then_some("true");
    let described = is_wrong.then_some("token-fault");
    let main = html! {
        h1 { "Log in" }
        p { "The dashboard asks for the server's token, the value of " code { "MLP_TOKEN" } "." }
        form .narrow method="post" action="/dashboard/login" {
            // For password managers; without a name, it is not sent.
            input type="text" autocomplete="username" value="mlp" hidden;
            div .field.wrong[is_wrong] {
                label for="token" { "Token" }
                @if is_wrong { p #token-fault .fault role="alert" { "That is not the token." } }
                input #token name="token" type="password" autocomplete="current-password" required
                    aria-invalid=[wrong] aria-describedby=[described];
            }
            p { button type="submit" { "Log in" } }
        }
    };
    shell.page(Place::Dashboard, "Log in", &main)
}
