//! What an applier stops mentioning goes, unless somebody else owns it.
//!
//! Fed by apply after the configuration has been laid over the live object; knows sets and values, no conflicts.

use super::extract::{set_of, with_named_fields};
use super::fieldset::FieldSet;
use super::remove::{drop_emptied, without};
use super::topology::Subject;
use serde_json::Value;

/// Removes from `merged` what is in `last`, the applier's previous set, and in nobody's set of now (`owned`).
pub(crate) fn prune(subject: Subject<'_>, merged: Value, last: &FieldSet, owned: &FieldSet) -> Value {
    if last.is_empty() {
        return merged;
    }
    let place = subject.place();
    let last = with_named_fields(&place, last);
    let owned = with_named_fields(&place, owned);
    if last.difference(&owned).is_empty() {
        return merged;
    }
    let before = with_named_fields(&place, &set_of(&place, &merged));
    // Take everything out that the applier had, then put back what is owned, then what the applier never had: an item
    // goes with all below it, so both can be lost by the first step alone.
    let bare = without(&place, &merged, &last);
    let mut kept = with_named_fields(&place, &set_of(&place, &bare));
    kept.unite(owned);
    let restored = without(&place, &merged, &before.difference(&kept));
    let left = with_named_fields(&place, &set_of(&place, &restored));
    let gone = before.difference(&left).intersection(&last);
    let mut pruned = without(&place, &merged, &gone);
    drop_emptied(&mut pruned, &merged);
    pruned
}
