//! GET of one object and of a collection: the resourceVersion, limit and continue rules of api-surface.md 1.5.

use super::ask::Ask;
use super::house::House;
use super::listing::Listing;
use super::reply::{self, ListMeta, Reply};
use super::select::Selection;
use crate::admit::limits::Seat;
use crate::project::Item;
use crate::status::{Outcome, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use skiff_kinds::FieldError;
use std::sync::Arc;
use std::time::Duration;

/// How long a read waits for a version that has not been reached (upstream's blockTimeout).
const WAIT: Duration = Duration::from_secs(3);

/// GET of one object.
///
/// # Errors
/// 404; 504 for a version not reached.
pub async fn get(house: &House, ask: &Ask) -> Outcome<Reply> {
    wait_for(house, parse_version(ask.query.text("resourceVersion"), false)?).await?;
    let shown = house.find(&ask.kind, &ask.address.key()).ok_or_else(|| Refusal::not_found(&ask.about()))?;
    reply::object(ask, 200, &shown)
}

/// `resourceVersion` of a query; 0 if empty.
///
/// # Errors
/// 400 (500 of a watch, as upstream) with upstream's text.
pub fn parse_version(text: &str, watch: bool) -> Outcome<u64> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        let why = format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax");
        if watch { Refusal::new(500, "", why) } else { Refusal::bad_request(format!("invalid resource version: {why}")) }
    })
}

/// Waits until a version is reached.
///
/// # Errors
/// 504 after three seconds.
pub async fn wait_for(house: &House, version: u64) -> Outcome<()> {
    if version == 0 {
        return Ok(());
    }
    let mut versions = house.store.versions();
    let reached = tokio::time::timeout(WAIT, versions.wait_for(|now| *now >= version)).await;
    match reached {
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal::version_ahead(version, house.store.read().world.version)),
    }
}

#[derive(Serialize, Deserialize)]
struct Token {
    v: String,
    rv: i64,
    start: String,
}

/// What a list is asked to show.
struct Page {
    /// Read at this version; `None` is now.
    version: Option<u64>,
    /// Only keys from here.
    start: String,
    /// Items at most; 0 is all.
    limit: usize,
}

/// GET of a collection.
///
/// # Errors
/// As the matrix says.
pub async fn list(house: &Arc<House>, ask: &Arc<Ask>, seat: Option<Arc<Seat>>) -> Outcome<Reply> {
    check_options(ask, false)?;
    let selection = Selection::parse(ask)?;
    let page = page(house, ask).await?;
    let (mut items, version) = collect(house, ask, &selection, &page)?;
    let mut meta = ListMeta { version, ..ListMeta::default() };
    if page.limit > 0 && page.limit < items.len() {
        let total = items.len();
        let (taken, more) = cut(house, ask, &selection, items, page.limit);
        if more {
            let last = taken.last().map_or("", |item| &*item.key);
            meta.next = Some(token(i64::try_from(version).unwrap_or(i64::MAX), &format!("{last}\0")));
            let selects = !ask.query.text("labelSelector").is_empty() || !ask.query.text("fieldSelector").is_empty();
            meta.remaining = (!selects).then_some((total - taken.len()) as u64);
        }
        items = taken;
    }
    Listing { house: house.clone(), ask: ask.clone(), selection, items, meta, seat }.reply().await
}

/// The first items that the selectors take, and whether there are more.
fn cut(house: &House, ask: &Ask, selection: &Selection, items: Vec<Item>, limit: usize) -> (Vec<Item>, bool) {
    let takes = |item: &Item| {
        selection.is_everything() || {
            let body = house.store.read().show(&ask.kind, &item.key, &item.view);
            selection.matches(&ask.kind, &body)
        }
    };
    let mut taken: Vec<Item> = items.into_iter().filter(takes).take(limit + 1).collect();
    let more = taken.len() > limit;
    taken.truncate(limit);
    (taken, more)
}

fn token(rv: i64, start: &str) -> String {
    let token = Token { v: "meta.k8s.io/v1".into(), rv, start: start.into() };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

/// Field errors of list options.
///
/// # Errors
/// 422 with all causes.
pub fn check_options(ask: &Ask, watch: bool) -> Outcome<()> {
    let query = &ask.query;
    let matching = query.text("resourceVersionMatch");
    let version = query.text("resourceVersion");
    let initial = query.flag_opt("sendInitialEvents")?;
    let mut errors = Vec::new();
    let forbidden = |field: &str, text: &str| FieldError::forbidden(field, text);
    if watch {
        match initial {
            Some(_) if matching != "NotOlderThan" => {
                errors.push(forbidden(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                ));
            }
            None if !matching.is_empty() => {
                errors.push(forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                ));
            }
            _ => {}
        }
        if !query.text("continue").is_empty() {
            errors.push(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
        }
    } else {
        if !matching.is_empty() {
            if version.is_empty() {
                errors.push(forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden unless resourceVersion is provided",
                ));
            }
            if !query.text("continue").is_empty() {
                errors.push(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
            }
            if !matches!(matching, "Exact" | "NotOlderThan") {
                errors.push(FieldError::not_supported("resourceVersionMatch", matching, &["Exact", "NotOlderThan", ""]));
            }
            if matching == "Exact" && version == "0" {
                errors.push(forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
                ));
            }
        }
        if initial.is_some() {
            errors.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Refusal::invalid("meta.k8s.io", "ListOptions", "", &errors)) }
}

async fn page(house: &House, ask: &Ask) -> Outcome<Page> {
    let query = &ask.query;
    let limit = usize::try_from(query.number("limit")?.unwrap_or(0)).unwrap_or(0);
    let asked = query.text("resourceVersion");
    let next = query.text("continue");
    if !next.is_empty() {
        if !asked.is_empty() && asked != "0" {
            return Err(Refusal::bad_request("specifying resource version is not allowed when using continue"));
        }
        let token = parse_token(next)?;
        let version = u64::try_from(token.rv).ok().filter(|v| *v > 0);
        return Ok(Page { version, start: token.start, limit });
    }
    let version = parse_version(asked, false)?;
    wait_for(house, version).await?;
    let exact = query.text("resourceVersionMatch") == "Exact"
        || version > 0 && limit > 0 && query.text("resourceVersionMatch").is_empty();
    // Version 0 means "whatever the cache has", which upstream answers whole.
    let limit = if asked == "0" { 0 } else { limit };
    Ok(Page { version: exact.then_some(version), start: String::new(), limit })
}

fn parse_token(text: &str) -> Outcome<Token> {
    let bad = |why: String| Refusal::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|e| bad(e.to_string()))?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|error| bad(crate::decode::bytes::json_error(&bytes, &error)))?;
    if token.v != "meta.k8s.io/v1" {
        return Err(bad(format!("server does not recognize this encoded version {:?}", token.v)));
    }
    Ok(token)
}

fn collect(house: &House, ask: &Ask, selection: &Selection, page: &Page) -> Outcome<(Vec<Item>, u64)> {
    let core = house.store.read();
    let now = core.world.version;
    let mut items = match page.version {
        None => core.items(ask.kind.id, ask.namespace()),
        Some(version) => core.items_at(ask.kind.id, ask.namespace(), version).map_err(|_| expired(page, version))?,
    };
    if !page.start.is_empty() {
        items.retain(|item| *item.key >= *page.start);
    }
    if selection.name.is_some() {
        items.retain(|item| selection.admits_key(&item.key));
    }
    Ok((items, page.version.unwrap_or(now).min(now)))
}

/// The snapshot of a page is gone: 410, with a token that goes on from the same key with what is there now.
fn expired(page: &Page, version: u64) -> Refusal {
    if page.start.is_empty() {
        return Refusal::expired(format!("The resourceVersion for the provided list is too old. ({version})"));
    }
    let mut refusal = Refusal::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    );
    refusal.next = Some(token(-1, &page.start));
    refusal
}
