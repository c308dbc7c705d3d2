//! ServiceAccount and the TokenRequest for one.
//!
//! Fed through the strategy table. Signing tokens belongs to access control.

use super::at::{At, Faults};
use super::fill::{drop_empty, made, unset};
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use serde_json::{Value, json};

pub(super) const SERVICE_ACCOUNT: Strategy = Strategy {
    default: |object| {
        if let Some(map) = object.as_object_mut() {
            drop_empty(map, &["secrets", "imagePullSecrets"]);
        }
    },
    ..PLAIN
};
pub(super) const TOKEN_REQUEST: Strategy = Strategy { default, validate, ..PLAIN };

const SECONDS_MIN: i64 = 600;
const SECONDS_DEFAULT: i64 = 3600;
const SECONDS_MAX: i64 = 1 << 32;

fn default(object: &mut Value) {
    if let Some(spec) = made(object, "spec") {
        unset(spec, "expirationSeconds", SECONDS_DEFAULT);
        unset(spec, "audiences", json!([]));
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let seconds = At::root(object).get("spec").get("expirationSeconds");
    if seconds.int().is_some_and(|n| n < SECONDS_MIN) {
        out.push(seconds.invalid("may not specify a duration less than 10 minutes"));
    }
    if seconds.int().is_some_and(|n| n > SECONDS_MAX) {
        out.push(seconds.invalid("may not specify a duration larger than 2^32 seconds"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_live_ten_minutes_or_more() {
        let mut request = json!({});
        default(&mut request);
        assert_eq!(request["spec"]["expirationSeconds"], 3600);
        let faults = validate(&json!({"spec": {"expirationSeconds": 5}}));
        assert_eq!(faults[0].body(), "Invalid value: 5: may not specify a duration less than 10 minutes");
    }
}
