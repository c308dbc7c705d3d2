//! `config-gc` and `config-deployment`: when revisions are collected, and how they are rolled out.

use super::reader::{Reader, demand};
use super::{ConfigError, Data};
use crate::duration::{SECOND, show};

/// `config-gc`; `None` stands for `disabled`. Durations are nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gc {
    /// A revision younger than this is kept.
    pub retain_since_create: Option<i64>,
    /// A revision that was active within this time is kept.
    pub retain_since_active: Option<i64>,
    /// So many inactive ones are kept in any case.
    pub min_non_active: i64,
    /// More inactive ones than this go, whatever their age.
    pub max_non_active: Option<i64>,
}

impl Default for Gc {
    fn default() -> Self {
        Self {
            retain_since_create: Some(48 * 3600 * SECOND),
            retain_since_active: Some(15 * 3600 * SECOND),
            min_non_active: 20,
            max_non_active: Some(1000),
        }
    }
}

impl Gc {
    /// Reads and checks the map.
    pub(super) fn read(data: &Data) -> Result<Self, ConfigError> {
        let r = Reader::new(data, "");
        let base = Self::default();
        let time = |key: &str, default: Option<i64>| match r.text(key) {
            Some("disabled") => Ok(None),
            _ => {
                let value = r.duration(key, default.unwrap_or(0))?;
                demand(value >= 0, || format!("failed to parse {key}: must be non-negative"))?;
                Ok(Some(value))
            }
        };
        let retain_since_create = time("retain-since-create-time", base.retain_since_create)?;
        let retain_since_active = time("retain-since-last-active-time", base.retain_since_active)?;
        let min_non_active = r.int("min-non-active-revisions", base.min_non_active)?;
        demand(min_non_active >= 0, || format!("min-non-active-revisions must be non-negative, was: {min_non_active}"))?;
        let max_non_active = match r.text("max-non-active-revisions") {
            Some("disabled") => None,
            _ => Some(r.int("max-non-active-revisions", 1000)?),
        };
        if let Some(max) = max_non_active {
            demand(max >= 0, || format!("failed to parse max-non-active-revisions: must be non-negative, was: {max}"))?;
            demand(min_non_active <= max, || {
                format!("min-non-active-revisions({min_non_active}) must be <= max-non-active-revisions({max})")
            })?;
        }
        Ok(Self { retain_since_create, retain_since_active, min_non_active, max_non_active })
    }
}

/// `config-deployment`, what of it matters without a sidecar. Durations are nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Registries whose tags are not resolved.
    pub skip_tag_resolution: Vec<String>,
    /// How long resolving a tag may take.
    pub digest_timeout: i64,
    /// How long a revision may take to get ready.
    pub progress_deadline: i64,
}

impl Default for Deployment {
    fn default() -> Self {
        let skip = ["kind.local", "ko.local", "dev.local"].map(str::to_owned).to_vec();
        Self { skip_tag_resolution: skip, digest_timeout: 10 * SECOND, progress_deadline: 600 * SECOND }
    }
}

impl Deployment {
    /// Reads and checks the map, whose image may be missing.
    pub(super) fn read(data: &Data) -> Result<Self, ConfigError> {
        let r = Reader::new(data, "");
        let base = Self::default();
        for part in ["cpu", "memory", "ephemeral-storage"] {
            r.quantity(&format!("queue-sidecar-{part}-request"))?;
            r.quantity(&format!("queue-sidecar-{part}-limit"))?;
        }
        let time = |key: &str, default: i64| {
            let value = r.duration(key, default)?;
            demand(value > 0, || format!("{key} cannot be a non-positive duration, was {}", show(value)))?;
            Ok(value)
        };
        let progress_deadline = time("progress-deadline", base.progress_deadline)?;
        let digest_timeout = time("digest-resolution-timeout", base.digest_timeout)?;
        demand(progress_deadline % SECOND == 0, || {
            format!("progress-deadline cannot be a non-positive duration, was {}", show(progress_deadline))
        })?;
        let skip_tag_resolution = r.text("registries-skipping-tag-resolving").map_or(base.skip_tag_resolution, |list| {
            list.split(',').map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect()
        });
        Ok(Self { skip_tag_resolution, digest_timeout, progress_deadline })
    }

    /// The check of the webhook, which also wants an image for the sidecar.
    pub(super) fn check(data: &Data) -> Result<(), ConfigError> {
        let image = data.get("queue-sidecar-image").map_or("", String::as_str);
        demand(!image.is_empty(), || "queue-sidecar-image cannot be empty or unset".into())?;
        Self::read(data).map(drop)
    }
}
