//! `metadata.managedFields` as records: who owns which fields through which operation.
//!
//! Read from and written to objects by tracking and apply; knows no schema and compares no objects.

use super::fields_v1;
use super::fieldset::FieldSet;
use crate::go_text::quoted;
use serde_json::{Map, Value};

/// Most records of operation Update; the oldest ones are then united under [`ANCIENT`].
pub const UPDATERS_MAX: usize = 10;

/// The manager that owns what the oldest updaters owned.
const ANCIENT: &str = "ancient-changes";

/// How a manager came to own fields. In upstream's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Any other write.
    Update,
}

impl Operation {
    fn text(self) -> &'static str {
        match self {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        }
    }
}

/// Whose record it is. The version counts for updaters only: an applier stays the same when it changes version.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The field manager's name.
    pub name: String,
    /// Apply or Update.
    pub operation: Operation,
    /// `apps/v1`.
    pub api_version: String,
    /// Empty for the main resource.
    pub subresource: String,
}

impl Owner {
    /// Whether two records are of one owner.
    #[must_use]
    pub fn is(&self, other: &Owner) -> bool {
        self.operation == other.operation
            && self.name == other.name
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// What upstream sorts owners by when nothing else decides: the JSON of the identifying part of the record.
    pub(crate) fn sort_key(&self) -> String {
        let mut key = Map::new();
        key.insert("manager".into(), self.name.clone().into());
        key.insert("operation".into(), self.operation.text().into());
        if self.operation == Operation::Update {
            key.insert("apiVersion".into(), self.api_version.clone().into());
        }
        if !self.subresource.is_empty() {
            key.insert("subresource".into(), self.subresource.clone().into());
        }
        Value::Object(key).to_string()
    }
}

/// One entry of `managedFields`.
#[derive(Clone, Debug)]
pub struct Record {
    /// Whose it is.
    pub owner: Owner,
    /// RFC 3339; absent if the owner never changed the object.
    pub time: Option<String>,
    /// What is owned.
    pub set: FieldSet,
    /// The set as it was read, to write it back unchanged; cleared by whoever changes the set.
    pub(crate) text: Option<Value>,
}

/// All entries of `managedFields`.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// One per owner.
    pub records: Vec<Record>,
}

impl Ledger {
    /// Reads `managedFields`; absent and null are empty.
    ///
    /// # Errors
    /// Upstream's text of what is wrong.
    pub fn read(managed_fields: Option<&Value>) -> Result<Ledger, String> {
        let mut ledger = Ledger::default();
        let entries = match managed_fields {
            None | Some(Value::Null) => return Ok(ledger),
            Some(Value::Array(entries)) => entries,
            Some(other) => {
                return Err(format!("cannot unmarshal {} into managedFields", crate::go_text::json_kind(other)));
            }
        };
        for (i, entry) in entries.iter().enumerate() {
            let record = read_record(i, entry)?;
            match ledger.records.iter_mut().find(|old| old.owner.is(&record.owner)) {
                Some(old) => *old = record,
                None => ledger.records.push(record),
            }
        }
        Ok(ledger)
    }

    /// The record of an owner.
    pub(crate) fn of(&self, owner: &Owner) -> Option<&Record> {
        self.records.iter().find(|record| record.owner.is(owner))
    }

    /// Takes the record of an owner out.
    pub(crate) fn take(&mut self, owner: &Owner) -> Option<Record> {
        let at = self.records.iter().position(|record| record.owner.is(owner))?;
        Some(self.records.swap_remove(at))
    }

    /// Adds fields to an owner's record at a time.
    pub(crate) fn credit(&mut self, owner: Owner, set: FieldSet, now: &str) {
        match self.records.iter_mut().find(|record| record.owner.is(&owner)) {
            Some(record) => {
                record.set.unite(set);
                record.text = None;
                record.time = Some(now.into());
            }
            None => self.records.push(Record { owner, time: Some(now.into()), set, text: None }),
        }
    }

    /// Unites the oldest updaters of a version until no more than [`UPDATERS_MAX`] are left.
    pub(crate) fn cap(&mut self) {
        let is_updater = |record: &Record| record.owner.operation == Operation::Update;
        let mut count = self.records.iter().filter(|record| is_updater(record)).count();
        if count <= UPDATERS_MAX {
            return;
        }
        let mut oldest: Vec<(Option<String>, String, Owner)> = self
            .records
            .iter()
            .filter(|record| is_updater(record))
            .map(|record| (record.time.clone(), record.owner.sort_key(), record.owner.clone()))
            .collect();
        oldest.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        // The first of a version waits for a second one to be united with.
        let mut firsts: Vec<Owner> = Vec::new();
        for (_, _, owner) in oldest {
            if count <= UPDATERS_MAX {
                break;
            }
            let Some(first) = firsts.iter().find(|first| first.api_version == owner.api_version).cloned() else {
                firsts.push(owner);
                continue;
            };
            let bucket = Owner {
                name: ANCIENT.into(),
                operation: Operation::Update,
                api_version: owner.api_version.clone(),
                subresource: String::new(),
            };
            if owner.is(&bucket) {
                continue;
            }
            if self.of(&bucket).is_none()
                && let Some(mut record) = self.take(&first)
            {
                record.owner = bucket.clone();
                self.records.push(record);
            }
            if let Some(record) = self.take(&owner) {
                let time = record.time.unwrap_or_default();
                self.credit(bucket, record.set, &time);
                count -= 1;
            }
        }
    }

    /// The wire form, sorted as upstream does; `None` if there are no records.
    #[must_use]
    pub fn write(mut self) -> Option<Value> {
        if self.records.is_empty() {
            return None;
        }
        self.records.sort_by(|a, b| {
            let key = |r: &Record| (r.owner.operation, r.time.clone());
            key(a)
                .cmp(&key(b))
                .then_with(|| a.owner.name.cmp(&b.owner.name))
                .then_with(|| a.owner.api_version.cmp(&b.owner.api_version))
                .then_with(|| a.owner.subresource.cmp(&b.owner.subresource))
        });
        Some(Value::Array(self.records.into_iter().map(write_record).collect()))
    }
}

/// Whether `managedFields` is valid; for what admission webhooks hand back.
///
/// # Errors
/// Upstream's text of what is wrong.
pub fn validate(managed_fields: &Value) -> Result<(), String> {
    Ledger::read(Some(managed_fields)).map(drop)
}

fn read_record(i: usize, entry: &Value) -> Result<Record, String> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let operation = match text("operation").as_str() {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".into()),
    };
    let api_version = text("apiVersion");
    if api_version.is_empty() {
        return Err("apiVersion must not be empty".into());
    }
    match text("fieldsType").as_str() {
        "FieldsV1" => {}
        "" => return Err(format!("missing fieldsType in managed fields entry {i}")),
        other => return Err(format!("invalid fieldsType {} in managed fields entry {i}", quoted(other))),
    }
    let fields = entry.get("fieldsV1").unwrap_or(&Value::Null);
    let set = if fields.is_null() { FieldSet::default() } else { fields_v1::read(fields)? };
    Ok(Record {
        owner: Owner { name: text("manager"), operation, api_version, subresource: text("subresource") },
        time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
        set,
        text: Some(fields.clone()).filter(Value::is_object),
    })
}

fn write_record(record: Record) -> Value {
    let Record { owner, time, set, text } = record;
    let mut out = Map::with_capacity(7);
    out.insert("manager".into(), owner.name.into());
    out.insert("operation".into(), owner.operation.text().into());
    out.insert("apiVersion".into(), owner.api_version.into());
    if let Some(time) = time.filter(|time| !time.is_empty()) {
        out.insert("time".into(), time.into());
    }
    out.insert("fieldsType".into(), "FieldsV1".into());
    out.insert("fieldsV1".into(), text.unwrap_or_else(|| fields_v1::write(&set)));
    if !owner.subresource.is_empty() {
        out.insert("subresource".into(), owner.subresource.into());
    }
    Value::Object(out)
}
