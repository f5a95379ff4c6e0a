//! What is stored.

use std::sync::Arc;

use mlp_core::Fault;
use mlp_store::ItemChange;
use serde_json::json;

use super::Call;
use crate::answer::Answer;
use crate::body;
use crate::failure::Failure;
use crate::wire;

fn rows<T>(rows: &[T], one: impl FnMut(&mut Vec<u8>, &T)) -> Answer {
    let mut out = Vec::with_capacity(16 + rows.len() * 512);
    wire::list(&mut out, rows, one);
    Answer::json(out)
}

fn row(one: impl FnOnce(&mut Vec<u8>)) -> Answer {
    let mut out = Vec::with_capacity(512);
    one(&mut out);
    Answer::json(out)
}

fn page(call: &Call<'_>) -> Result<(i64, usize), Failure> {
    let limit = call.query.limit(crate::DEFAULT_PAGE, crate::MAX_PAGE)?;
    let after = call.query.int("after", 0, i64::MIN)?;
    Ok((after, limit))
}

/// `GET /content/info`.
pub(super) async fn info(call: &Call<'_>) -> Result<Answer, Failure> {
    let counts = call.shared.desk.call(|store| store.counts()).await?;
    let schema = &call.shared.schema;
    let (items, users) = (&schema.item.table, &schema.user.table);
    Ok(Answer::value(
        &json!({ items: counts.items, users: counts.users }),
    ))
}

const NO_ITEM: Failure = Failure::NotFound("no such item");
const NO_USER: Failure = Failure::NotFound("no such user");

/// `GET /content/{item}/{id}`: the item as it is now.
pub(super) async fn item(call: &Call<'_>) -> Result<Answer, Failure> {
    let id = call.id()?;
    let current = move |store: &dyn mlp_store::Store| {
        let version = store.versions()?.catalog;
        store.item_at(id, version)
    };
    let item = call.shared.desk.call(current).await?.ok_or(NO_ITEM)?;
    Ok(row(|out| call.shared.item.item(out, &item)))
}

/// `PUT /content/{item}/{id}`.
pub(super) async fn put_item(call: &Call<'_>) -> Result<Answer, Failure> {
    let id = call.id()?;
    if id < 1 {
        let name = call.route.path_parameter().unwrap_or_default();
        let message = "Input should be greater than or equal to 1";
        let place = vec![json!("path"), json!(name)];
        let fault = Fault::new("greater_than_equal", place, message);
        return Err(Failure::fault(fault.with_input(&json!(id))));
    }
    let body = body::parse(&call.body)?;
    let values = (call.shared.schema.item.row_from_json(&body)).map_err(Failure::Faults)?;
    let change = move |store: &dyn mlp_store::Store| {
        let item_id = Some(id);
        let (version, _) = store.change_items(&[ItemChange::Put {
            item_id,
            row: values,
        }])?;
        store.item_at(id, version)
    };
    let item = call.shared.desk.call(change).await?.ok_or(NO_ITEM)?;
    refresh(call).await;
    Ok(row(|out| call.shared.item.item(out, &item)))
}

/// `DELETE /content/{item}/{id}`.
pub(super) async fn delete_item(call: &Call<'_>) -> Result<Answer, Failure> {
    let item_id = call.id()?;
    let withdraw = move |store: &dyn mlp_store::Store| {
        let version = store.versions()?.catalog;
        if store.item_at(item_id, version)?.is_none() {
            return Ok(false);
        }
        store.change_items(&[ItemChange::Withdraw { item_id }])?;
        Ok(true)
    };
    if !call.shared.desk.call(withdraw).await? {
        return Err(NO_ITEM);
    }
    refresh(call).await;
    Ok(Answer::nothing())
}

/// Waits until this process serves a change that it made.
pub(super) async fn refresh(call: &Call<'_>) {
    let live = Arc::clone(&call.shared.live);
    // Where that fails, the change is served at the next regular look.
    let _ = tokio::task::spawn_blocking(move || live.refresh_now()).await;
}

/// `GET /content/{items}`.
pub(super) async fn items(call: &Call<'_>) -> Result<Answer, Failure> {
    let (after, limit) = page(call)?;
    let items = call
        .shared
        .desk
        .call(move |store| store.items_page(after, limit))
        .await?;
    Ok(rows(&items, |out, item| call.shared.item.item(out, item)))
}

/// `GET /content/{user}/{id}`.
pub(super) async fn user(call: &Call<'_>) -> Result<Answer, Failure> {
    let id = call.id()?;
    let user = call.shared.desk.call(move |store| store.user(id)).await?;
    let user = user.ok_or(NO_USER)?;
    Ok(row(|out| call.shared.user.user(out, &user)))
}

/// `DELETE /content/{user}/{id}`.
pub(super) async fn erase_user(call: &Call<'_>) -> Result<Answer, Failure> {
    let id = call.id()?;
    if call
        .shared
        .desk
        .call(move |store| store.erase_user(id))
        .await?
    {
        Ok(Answer::nothing())
    } else {
        Err(NO_USER)
    }
}

/// `GET /content/{users}`.
pub(super) async fn users(call: &Call<'_>) -> Result<Answer, Failure> {
    let (after, limit) = page(call)?;
    let users = call
        .shared
        .desk
        .call(move |store| store.users_page(after, limit))
        .await?;
    Ok(rows(&users, |out, user| call.shared.user.user(out, user)))
}

/// `GET /content/result/{result_id}`.
pub(super) async fn result(call: &Call<'_>) -> Result<Answer, Failure> {
    let id = call.id()?;
    let result = call.shared.desk.call(move |store| store.result(id)).await?;
    let result = result.ok_or(Failure::NotFound("no such result"))?;
    Ok(row(|out| {
        wire::result(out, &call.shared.item.id_name, &result)
    }))
}

/// `GET /content/results/{task_id}`.
pub(super) async fn results_of(call: &Call<'_>) -> Result<Answer, Failure> {
    let not_found = Failure::NotFound("no such inference");
    let Ok(task_id) = call.parameter.parse() else {
        return Err(not_found);
    };
    let results = call
        .shared
        .desk
        .call(move |store| store.results(task_id))
        .await?;
    let results = results.ok_or(not_found)?;
    let id_name = &call.shared.item.id_name;
    Ok(rows(&results, |out, result| {
        wire::result(out, id_name, result)
    }))
}
