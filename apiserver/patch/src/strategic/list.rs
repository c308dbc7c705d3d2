//! Lists that merge: by key, as sets, with directives in their items, and in the order upstream gives them.
//!
//! The order: items of the patch come in the patch's order (or that of `$setElementOrder`), items that only the server has keep
//! their order, and a server item stands before a patch item only if it stood before it already.

use super::directive::{DIRECTIVE, SET_ORDER, without_directives};
use super::error::StrategicError;
use super::{At, Rule, merge_map};
use crate::go_text::{plain, same};
use serde_json::{Map, Value};

/// Merges a list field, or deletes the patch's items from it.
pub(super) fn merge_field(
    original: Vec<Value>,
    patch: Vec<Value>,
    rule: Rule<'_>,
    delete: bool,
) -> Result<Vec<Value>, StrategicError> {
    if !(rule.merge || delete) {
        return Ok(patch);
    }
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    if items_are_maps(&[&original, &patch])? {
        let Some(key) = rule.key else { return Err(StrategicError::NoKeyForType(rule.at.type_name().into())) };
        let (original, patch) = obey_item_directives(original, patch, key)?;
        let merged = merge_items(original.clone(), patch.clone(), key, rule.at)?;
        let (listed, rest) = partition(merged, &patch, Some(key))?;
        return in_order(listed, rest, &patch, &original, Some(key));
    }
    if delete {
        return Ok(original.into_iter().filter(|item| !contains(&patch, item)).collect());
    }
    let mut merged: Vec<Value> = Vec::with_capacity(original.len() + patch.len());
    for item in original.iter().chain(&patch) {
        if !contains(&merged, item) {
            merged.push(item.clone());
        }
    }
    let (listed, rest) = partition(merged, &patch, None)?;
    in_order(listed, rest, &patch, &original, None)
}

/// Obeys every `$setElementOrder/<field>` of a patch together with the field's own changes, and takes both out of it.
pub(super) fn set_element_order(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    at: At<'_>,
) -> Result<(), StrategicError> {
    let directives: Vec<String> = patch.keys().filter(|name| name.starts_with(SET_ORDER)).cloned().collect();
    for directive in directives {
        let Some(order) = patch.shift_remove(&directive) else { continue };
        let Value::Array(order) = order else { return Err(StrategicError::not_a_list(&order)) };
        let name = directive.strip_prefix(SET_ORDER).and_then(|rest| rest.strip_prefix('/'));
        let name = name.ok_or(StrategicError::ElementOrder)?;
        let live = list_of(original.get(name))?;
        let change = list_of(patch.get(name))?;
        let rule = at.rule(name);
        if let Some(change) = &change {
            check_order(change, &order, rule.key)?;
        }
        let merged = match (live.clone(), change.clone()) {
            (None, None) => continue,
            (Some(live), None) => live,
            (None, Some(change)) => match without_directives(Value::Array(change)) {
                Some(Value::Array(items)) => items,
                _ => continue,
            },
            (Some(live), Some(change)) => merge_field(live, change, rule, false)?,
        };
        let (live, change) = (live.unwrap_or_default(), change.unwrap_or_default());
        let (listed, rest) = partition(merged, &order, rule.key)?;
        if live.is_empty() && change.is_empty() {
            return Err(StrategicError::NoItems);
        }
        items_are_maps(&[&live, &change])?;
        let ordered = in_order(listed, rest, &order, &live, rule.key)?;
        original.insert(name.into(), Value::Array(ordered));
        patch.shift_remove(name);
    }
    Ok(())
}

fn list_of(value: Option<&Value>) -> Result<Option<Vec<Value>>, StrategicError> {
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items.clone())),
        Some(other) => Err(StrategicError::not_a_list(other)),
    }
}

/// The patch's items must come in the order that the directive asks for, and be named by it.
fn check_order(patch: &[Value], order: &[Value], key: Option<&str>) -> Result<(), StrategicError> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let plain_items = patch.iter().filter(|item| item.get(DIRECTIVE).is_none());
    let mut left = order.iter();
    for item in plain_items {
        let mut found = false;
        for wanted in left.by_ref() {
            found = match key {
                Some(key) => same(key_value(item, key)?, key_value(wanted, key)?),
                None => same(item, wanted),
            };
            if found {
                break;
            }
        }
        if !found {
            let (patch, order) = (plain(&Value::Array(patch.to_vec())), plain(&Value::Array(order.to_vec())));
            return Err(StrategicError::OrderMismatch { patch, order });
        }
    }
    Ok(())
}

fn key_value<'a>(item: &'a Value, key: &str) -> Result<&'a Value, StrategicError> {
    match item {
        Value::Object(map) => map.get(key).ok_or_else(|| StrategicError::no_merge_key(item, key)),
        other => Err(StrategicError::not_a_map(other)),
    }
}

/// Whether the lists hold objects; all their items must be of one type.
fn items_are_maps(lists: &[&[Value]]) -> Result<bool, StrategicError> {
    let mut items = lists.iter().flat_map(|list| list.iter());
    let Some(first) = items.next() else { return Ok(false) };
    if first.is_array() {
        return Err(StrategicError::ListOfLists);
    }
    if items.all(|item| std::mem::discriminant(item) == std::mem::discriminant(first)) {
        return Ok(first.is_object());
    }
    let lists: Vec<Value> = lists.iter().map(|list| Value::Array(list.to_vec())).collect();
    Err(StrategicError::MixedItems(plain(&Value::Array(lists))))
}

/// Obeys `$patch` in items: `delete` removes the item of that key, `replace` drops the whole original.
fn obey_item_directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), StrategicError> {
    let mut plain_items = Vec::with_capacity(patch.len());
    let mut replace = false;
    for item in patch {
        let Some(directive) = item.get(DIRECTIVE) else {
            plain_items.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let value = key_value(&item, key)?;
                original.retain(|old| !old.get(key).is_some_and(|old| same(old, value)));
            }
            Some("replace") => replace = true,
            Some("merge") => return Err(StrategicError::MergeDirective),
            _ => {
                let map = item.as_object().cloned().unwrap_or_default();
                return Err(StrategicError::unknown_directive(directive, &map));
            }
        }
    }
    Ok(if replace { (plain_items, Vec::new()) } else { (original, plain_items) })
}

fn merge_items(mut original: Vec<Value>, patch: Vec<Value>, key: &str, at: At<'_>) -> Result<Vec<Value>, StrategicError> {
    for item in patch {
        let value = key_value(&item, key)?;
        let mut found = None;
        for (i, old) in original.iter().enumerate() {
            let Value::Object(old) = old else { return Err(StrategicError::NotAMap(i)) };
            if old.get(key).is_some_and(|old| same(old, value)) {
                found = Some(i);
                break;
            }
        }
        match (found, item) {
            (Some(i), Value::Object(item)) => {
                if let Value::Object(old) = original[i].take() {
                    original[i] = Value::Object(merge_map(old, item, at)?);
                }
            }
            (_, item) => original.push(item),
        }
    }
    Ok(original)
}

/// Items that the list names, and the others.
fn partition(items: Vec<Value>, by: &[Value], key: Option<&str>) -> Result<(Vec<Value>, Vec<Value>), StrategicError> {
    let (mut listed, mut rest) = (Vec::new(), Vec::new());
    for item in items {
        if let Some(key) = key {
            key_value(&item, key)?;
            if let Some(i) = by.iter().position(|other| !other.is_object()) {
                return Err(StrategicError::NotAMap(i));
            }
        }
        if position(by, &item, key).is_some() { listed.push(item) } else { rest.push(item) }
    }
    Ok((listed, rest))
}

/// Weaves the items of the patch and the server's own into one list.
fn in_order(
    mut listed: Vec<Value>,
    mut rest: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    key: Option<&str>,
) -> Result<Vec<Value>, StrategicError> {
    if let Some(key) = key {
        for item in patch_order.iter().chain(server_order) {
            key_value(item, key)?;
        }
    }
    listed.sort_by_cached_key(|item| position(patch_order, item, key));
    rest.sort_by_cached_key(|item| position(server_order, item, key));
    let mut out = Vec::with_capacity(listed.len() + rest.len());
    let (mut listed, mut rest) = (listed.into_iter().peekable(), rest.into_iter().peekable());
    loop {
        let server_first = match (rest.peek(), listed.peek()) {
            (None, None) => return Ok(out),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(server), Some(patched)) => match (position(server_order, server, key), position(server_order, patched, key)) {
                (Some(server), Some(patched)) => server < patched,
                _ => false,
            },
        };
        out.extend(if server_first { rest.next() } else { listed.next() });
    }
}

fn position(list: &[Value], item: &Value, key: Option<&str>) -> Option<usize> {
    list.iter().position(|other| match key {
        Some(key) => match (other.get(key), item.get(key)) {
            (Some(a), Some(b)) => same(a, b),
            _ => false,
        },
        None => same(other, item),
    })
}

fn contains(list: &[Value], item: &Value) -> bool {
    list.iter().any(|other| same(other, item))
}
