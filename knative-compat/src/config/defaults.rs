//! `config-defaults`: what a revision gets that says nothing itself.

use super::reader::{Reader, demand};
use super::template::Template;
use super::{ConfigError, Data};

/// Default request and limit of one resource, canonical quantities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `cpu`, `memory` or `ephemeral-storage`.
    pub name: &'static str,
    /// Default request.
    pub request: Option<String>,
    /// Default limit.
    pub limit: Option<String>,
}

/// `config-defaults`.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// Seconds a request may take.
    pub timeout_s: i64,
    /// The most a user may ask for.
    pub max_timeout_s: i64,
    /// Seconds to the first byte, 0 for none.
    pub response_start_timeout_s: i64,
    /// Seconds without a byte, 0 for none.
    pub idle_timeout_s: i64,
    /// Requests and limits.
    pub resources: [Resource; 3],
    /// Concurrency per replica, 0 for no bound.
    pub container_concurrency: i64,
    /// The most a user may ask for.
    pub container_concurrency_max: i64,
    /// Whether 0 may be asked for.
    pub allow_concurrency_zero: bool,
    /// `enableServiceLinks`; `None` leaves the field out.
    pub enable_service_links: Option<bool>,
    /// Name of a container without one.
    pub container_name: Template,
    /// Name of an init container without one.
    pub init_container_name: Template,
}

impl Default for Defaults {
    fn default() -> Self {
        let none = |name| Resource { name, request: None, limit: None };
        Self {
            timeout_s: 300,
            max_timeout_s: 600,
            response_start_timeout_s: 300,
            idle_timeout_s: 0,
            resources: [none("cpu"), none("memory"), none("ephemeral-storage")],
            container_concurrency: 0,
            container_concurrency_max: 1000,
            allow_concurrency_zero: true,
            enable_service_links: Some(false),
            container_name: Template::literal("user-container"),
            init_container_name: Template::literal("init-container"),
        }
    }
}

impl Defaults {
    /// Reads and checks the map.
    pub(super) fn read(data: &Data) -> Result<Self, ConfigError> {
        let r = Reader::new(data, "");
        let base = Self::default();
        let allow_concurrency_zero = r.bool("allow-container-concurrency-zero", true)?;
        let timeout_s = r.int("revision-timeout-seconds", base.timeout_s)?;
        let max_timeout_s = r.int("max-revision-timeout-seconds", base.max_timeout_s)?;
        // What starts late by default must not start later than the whole request may last.
        let response_start_timeout_s = r.int("revision-response-start-timeout-seconds", timeout_s)?;
        let idle_timeout_s = r.int("revision-idle-timeout-seconds", 0)?;
        let container_concurrency = r.int("container-concurrency", 0)?;
        let container_concurrency_max = r.int("container-concurrency-max-limit", base.container_concurrency_max)?;
        let resource = |name: &'static str| -> Result<Resource, ConfigError> {
            Ok(Resource {
                name,
                request: r.quantity(&format!("revision-{name}-request"))?,
                limit: r.quantity(&format!("revision-{name}-limit"))?,
            })
        };
        let resources = [resource("cpu")?, resource("memory")?, resource("ephemeral-storage")?];
        let bounded = |key: &str, value: i64| {
            demand(value <= timeout_s, || {
                format!("{key} ({value}) cannot be greater than revision-timeout-seconds ({timeout_s})")
            })
        };
        demand(timeout_s <= max_timeout_s, || {
            format!(
                "revision-timeout-seconds ({timeout_s}) cannot be greater than max-revision-timeout-seconds ({max_timeout_s})"
            )
        })?;
        bounded("revision-response-start-timeout-seconds", response_start_timeout_s)?;
        bounded("revision-idle-timeout-seconds", idle_timeout_s)?;
        demand(container_concurrency_max >= 1, || {
            format!("expected 1 <= {container_concurrency_max} <= {}: container-concurrency-max-limit", i32::MAX)
        })?;
        demand((0..=container_concurrency_max).contains(&container_concurrency), || {
            format!("expected 0 <= {container_concurrency} <= {container_concurrency_max}: container-concurrency")
        })?;
        let name = |key: &str, default: Template, title: &str| match r.text(key) {
            Some(text) => {
                Template::parse(title, text, &["Name", "Namespace", "GenerateName", "Labels", "Annotations"], "v1.ObjectMeta")
            }
            None => Ok(default),
        };
        let enable_service_links = match r.text("enable-service-links") {
            Some("default") => None,
            _ => Some(r.bool("enable-service-links", false)?),
        };
        Ok(Self {
            timeout_s,
            max_timeout_s,
            response_start_timeout_s,
            idle_timeout_s,
            resources,
            container_concurrency,
            container_concurrency_max,
            allow_concurrency_zero,
            enable_service_links,
            container_name: name("container-name-template", base.container_name, "container-template")?,
            init_container_name: name("init-container-name-template", base.init_container_name, "init-container-template")?,
        })
    }
}
