//! Every recorded group against a fresh server of its own. `exchanges/known.txt` names the steps that are known to differ; it
//! can only shrink, because a listed step that holds fails as well (unless its reason begins with `sometimes:`).

use anyhow::{Context, Result, ensure};
use skiff_conformance::exchange::{Group, Names, Replay, differences, normal, replay};
use skiff_conformance::server::{Nodes, Server};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// Groups of the generic API.
const GENERIC: [&str; 11] =
    ["access", "apply", "crd", "crud", "discovery", "list", "patch", "pods", "services", "watch", "workloads"];

/// Groups of Knative Serving.
const KNATIVE: [&str; 15] = [
    "kn-config",
    "kn-configuration-route",
    "kn-defaults",
    "kn-domains",
    "kn-errors",
    "kn-events",
    "kn-lists",
    "kn-scale",
    "kn-service",
    "kn-service-write",
    "kn-tables",
    "kn-traffic",
    "kn-validation",
    "kn-validation-internal",
    "kn-zero",
];

macro_rules! groups {
    ($($test:ident: $group:literal),* $(,)?) => { $(
        #[tokio::test]
        async fn $test() -> Result<()> {
            check($group).await
        }
    )* };
}

groups! {
    access: "access", apply: "apply", crd: "crd", crud: "crud", discovery: "discovery", list: "list", patch: "patch", pods: "pods",
    services: "services", watch: "watch", workloads: "workloads",
    kn_config: "kn-config", kn_configuration_route: "kn-configuration-route", kn_defaults: "kn-defaults",
    kn_domains: "kn-domains", kn_errors: "kn-errors", kn_events: "kn-events", kn_lists: "kn-lists", kn_scale: "kn-scale",
    kn_service: "kn-service", kn_service_write: "kn-service-write", kn_tables: "kn-tables", kn_traffic: "kn-traffic",
    kn_validation: "kn-validation", kn_validation_internal: "kn-validation-internal", kn_zero: "kn-zero",
}

fn file(group: &str) -> PathBuf {
    let folder = crate::clients::here().join("exchanges");
    folder.join(if group.starts_with("kn-") { "knative" } else { "" }).join(format!("{group}.json"))
}

/// `group/step` to reason.
fn known() -> Result<BTreeMap<String, String>> {
    let path = crate::clients::here().join("exchanges/known.txt");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut known = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (step, reason) = line.split_once(' ').with_context(|| format!("known.txt: no reason in: {line}"))?;
        ensure!(known.insert(step.to_owned(), reason.trim().to_owned()).is_none(), "known.txt names {step} twice");
    }
    Ok(known)
}

async fn check(name: &str) -> Result<()> {
    let group = Group::read(&file(name))?;
    let known = known()?;
    let server = Server::start(Nodes::Fake(2)).await?;
    // Knative's objects settle within a turn here, but a group looks at pods behind them, which a node has to report.
    let pause = Duration::from_millis(if name.starts_with("kn-") { 100 } else { 0 });
    let with = Replay { target: server.target()?, token: server.token.clone(), pause, domain: "localhost".to_owned() };
    let outcomes = replay(&group, &with).await?;
    let mut complaints = Vec::new();
    for outcome in &outcomes {
        let step = format!("{name}/{}", outcome.id);
        match (outcome.differences.is_empty(), known.get(&step)) {
            (false, None) => complaints.push(format!("{step}: {}\n    {}", outcome.request, outcome.differences.join("\n    "))),
            // What hangs on another clock than ours (a grace of seconds, say) may hold or not.
            (true, Some(reason)) if reason.starts_with("sometimes:") => {}
            (true, Some(_)) => complaints.push(format!("{step} holds now: take it out of known.txt")),
            _ => {}
        }
    }
    let held = outcomes.iter().filter(|outcome| outcome.differences.is_empty()).count();
    ensure!(complaints.is_empty(), "{name}: {held}/{} hold\n{}", outcomes.len(), complaints.join("\n"));
    server.stop().await?;
    Ok(())
}

#[test]
fn every_file_is_a_group_that_is_replayed() -> Result<()> {
    for (folder, groups) in [("exchanges", &GENERIC[..]), ("exchanges/knative", &KNATIVE[..])] {
        let mut files = BTreeSet::new();
        for entry in std::fs::read_dir(crate::clients::here().join(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            files.extend(name.strip_suffix(".json").map(str::to_owned));
        }
        assert_eq!(files, groups.iter().map(|group| (*group).to_owned()).collect());
    }
    Ok(())
}

#[test]
fn known_differences_name_steps_that_exist() -> Result<()> {
    let mut steps = BTreeSet::new();
    for group in GENERIC.iter().chain(&KNATIVE) {
        steps.extend(Group::read(&file(group))?.steps.into_iter().map(|step| format!("{group}/{}", step.id)));
    }
    for step in known()?.keys() {
        ensure!(steps.contains(step), "known.txt names {step}, which no group has");
    }
    Ok(())
}

/// The recorded answers went through Python's normalisation: ours must leave them as they are, orders of lists included.
#[test]
fn recorded_answers_are_normal_already() -> Result<()> {
    let mut seen = 0;
    for name in GENERIC.iter().chain(&KNATIVE) {
        for step in Group::read(&file(name))?.steps {
            for part in ["body", "events"] {
                let Some(recorded) = step.want.get(part).filter(|_| step.pick.is_none()) else { continue };
                let again = normal(recorded, Names { domain: "", namespace: "" })?;
                ensure!(*recorded == again, "{name}/{}: {:?}", step.id, differences(recorded, &again));
                seen += 1;
            }
        }
    }
    ensure!(seen > 500, "only {seen} recorded answers were looked at");
    Ok(())
}
