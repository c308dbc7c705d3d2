//! Ownership and apply against the recorded exchanges; the step ids stand in the comments.

mod applies;
mod built_in;
mod rules;
mod tracks;
mod types;

use super::reset::{Reset, STATUS};
use super::track::Write;
use serde_json::Value;

/// A write at one o'clock.
fn write<'a>(field_manager: &'a str, api_version: &'a str) -> Write<'a> {
    Write { field_manager, api_version, subresource: "", now: "2026-01-01T01:00:00Z", reset: STATUS }
}

/// The same to a subresource.
fn write_status<'a>(field_manager: &'a str, api_version: &'a str) -> Write<'a> {
    let reset = Reset::Except(&[&["spec"]]);
    Write { subresource: "status", reset, ..write(field_manager, api_version) }
}

/// The same an hour later.
fn later(write: Write<'_>) -> Write<'_> {
    Write { now: "2026-01-01T02:00:00Z", ..write }
}

/// `manager` + operation + subresource and fields of each record, in order.
fn records(object: &Value) -> Vec<(String, Value)> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let name = |entry: &Value| {
        let part = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", part("manager"), part("operation"), part("subresource")).trim_end().to_owned()
    };
    entries.iter().map(|entry| (name(entry), entry["fieldsV1"].clone())).collect()
}

/// The time of each record.
fn times(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["time"].as_str().unwrap_or_default().to_owned()).collect()
}
