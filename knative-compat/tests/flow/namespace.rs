//! A namespace in memory: documents, live counters, remembered traffic.

use serde_json::{Value, json};
use skiff_knative::reconcile::{
    ChildWrite, Children, Context, finalizer, reconcile_configuration, routing_updates, service_turn,
};
use skiff_knative::status::{self, Assigned, Failure, Gateways, RevisionLive, RevisionState, RouteLive, Scene, Since, Stage};
use skiff_knative::{Config, Kind, Operation, Request, ScaleSettings, admit, doc, gotype, traffic};
use std::collections::BTreeMap;

const NOW: &str = "2026-11-24T13:00:00Z";
const LOCAL: &str = "knative-local-gateway.istio-system.svc.cluster.local";
const GATEWAYS: Gateways<'static> = Gateways { external: "istio-ingressgateway.istio-system.svc.cluster.local", local: LOCAL };

#[derive(Default)]
pub struct Namespace {
    documents: BTreeMap<(String, String), Value>,
    lives: BTreeMap<String, RevisionLive>,
    assigned: BTreeMap<String, Assigned>,
    core_services: Vec<String>,
    count: u32,
}

/// Times and uids as the recordings spell them.
pub fn normal(value: &Value) -> Value {
    match value {
        Value::String(text) if text == NOW => "<time>".into(),
        Value::String(text) if text.starts_with("UID-") => "<uid>".into(),
        Value::Array(list) => list.iter().map(normal).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), normal(v))).collect()),
        other => other.clone(),
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.autoscaler.allow_zero_initial_scale = true;
    config.autoscaler.stable_window = 600 * skiff_knative::duration::SECOND;
    config.domains.fallback = "example.com".into();
    config
}

fn since() -> Since {
    Since { at: NOW.into(), by_type: BTreeMap::new() }
}

fn kind(plural: &str) -> Option<Kind> {
    Some(match plural {
        "services" => Kind::Service,
        "configurations" => Kind::Configuration,
        "routes" => Kind::Route,
        "revisions" => Kind::Revision,
        _ => return None,
    })
}

fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().expect("object").shift_remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

fn patched(step: &Value, old: &Value) -> Value {
    let mut new = old.clone();
    if step["patch"] == "application/json-patch+json" {
        for operation in step["body"].as_array().into_iter().flatten() {
            let (parent, key) = operation["path"].as_str().and_then(|p| p.rsplit_once('/')).expect("path");
            new.pointer_mut(parent).expect("parent")[key] = operation["value"].clone();
        }
    } else {
        merge(&mut new, &step["body"]);
    }
    new
}

impl Namespace {
    fn all(&self, kind: Kind) -> Vec<&Value> {
        self.documents.iter().filter(|((k, _), _)| k == kind.name()).map(|(_, d)| d).collect()
    }

    fn get(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.documents.get(&(kind.name().to_owned(), name.to_owned()))
    }

    fn put(&mut self, kind: Kind, document: Value) {
        self.documents.insert((kind.name().to_owned(), doc::name(&document).to_owned()), document);
    }

    fn scene(&self) -> Scene<'_> {
        let state = |d: &&Value| self.lives.contains_key(doc::name(d));
        Scene {
            configurations: self.all(Kind::Configuration),
            revisions: self
                .all(Kind::Revision)
                .into_iter()
                .filter(state)
                .map(|document| RevisionState { document, live: &self.lives[doc::name(document)] })
                .collect(),
        }
    }

    fn mint(count: &mut u32, document: &mut Value) {
        *count += 1;
        document["metadata"]["uid"] = format!("UID-{count}").into();
        document["metadata"]["creationTimestamp"] = NOW.into();
    }

    pub fn write(&mut self, step: &Value) -> Result<(), String> {
        if step["plural"] == "core-services" {
            self.core_services.push(doc::name(&step["body"]).to_owned());
        }
        let Some(kind) = kind(step["plural"].as_str().unwrap_or("")) else { return Ok(()) };
        let name = step["name"].as_str().unwrap_or("").to_owned();
        if step["method"] == "DELETE" {
            let owner = self.get(kind, &name).and_then(doc::controller).map(|o| doc::text(o, "/name").to_owned());
            self.delete(kind, &name);
            if let Some(owner) = owner.and_then(|name| self.get(Kind::Service, &name).cloned()) {
                self.follow(Kind::Service, &owner);
            }
            return Ok(());
        }
        let old = self.get(kind, if name.is_empty() { doc::name(&step["body"]) } else { &name }).cloned();
        if step["status"] == 409 {
            return Ok(());
        }
        let mut object = match step["method"].as_str() {
            Some("POST") => step["body"].clone(),
            Some("PUT") => {
                let mut body = step["body"].clone();
                for key in ["uid", "creationTimestamp"] {
                    body["metadata"][key] = old.as_ref().expect("stored")["metadata"][key].clone();
                }
                body["metadata"].as_object_mut().expect("object").shift_remove("resourceVersion");
                body
            }
            _ => patched(step, old.as_ref().expect("stored")),
        };
        object["metadata"]["namespace"] = "ns1".into();
        gotype::prune(kind, &mut object);
        let operation = old.as_ref().filter(|_| step["method"] != "POST").map_or(Operation::Create, Operation::Update);
        let outcome = admit(&Request { kind, operation, user: "admin" }, &config(), &mut object);
        match (outcome, step["status"].as_i64()) {
            (Err(refusal), Some(status)) if i64::from(refusal.code) == status => {
                let same = step["message"].is_null() || step["message"] == refusal.message.as_str();
                return if same { Ok(()) } else { Err(format!("got  {}\n    want {}", refusal.message, step["message"])) };
            }
            (Err(refusal), _) => return Err(format!("refused: {}", refusal.message)),
            (Ok(_), Some(400..)) => return Err("was taken".into()),
            (Ok(_), _) => {}
        }
        if let Operation::Update(old) = operation {
            let changed = old["spec"] != object["spec"];
            object["metadata"]["generation"] = (doc::generation(old) + i64::from(changed)).into();
        } else {
            Self::mint(&mut self.count, &mut object);
            object["metadata"]["generation"] = 1.into();
        }
        self.put(kind, object.clone());
        self.follow(kind, &object);
        Ok(())
    }

    fn delete(&mut self, kind: Kind, name: &str) {
        let Some(gone) = self.documents.remove(&(kind.name().to_owned(), name.to_owned())) else { return };
        let children: Vec<(String, String)> =
            self.documents.iter().filter(|(_, d)| doc::controlled_by(d, &gone)).map(|(key, _)| key.clone()).collect();
        for (child, name) in children {
            if let Some(kind) = Kind::of("serving.knative.dev", &child) {
                self.delete(kind, &name);
            }
        }
    }

    fn follow(&mut self, kind: Kind, object: &Value) {
        let config = config();
        let ctx = Context { config: &config, now: NOW };
        let mut count = self.count;
        let writes = match kind {
            Kind::Service => {
                let name = doc::name(object);
                let existing = Children {
                    configuration: self.get(Kind::Configuration, name).cloned(),
                    route: self.get(Kind::Route, name).cloned(),
                };
                let scene = self.scene();
                let assigned = |route: &str| self.assigned.get(route).map(|a| a.traffic.clone());
                let routes = self.all(Kind::Route);
                service_turn(&ctx, object, &existing, &scene.revisions, &routes, &assigned, &mut |_, document| {
                    Self::mint(&mut count, document)
                })
            }
            Kind::Configuration => {
                let mut writes = reconcile_configuration(&ctx, object, &self.all(Kind::Revision));
                for write in &mut writes {
                    if let ChildWrite::Create(_, document) = write {
                        Self::mint(&mut count, document);
                    }
                }
                writes
            }
            _ => Vec::new(),
        };
        self.count = count;
        self.apply(writes);
        self.run();
        self.settle();
        let owner = doc::controller(object).filter(|_| kind == Kind::Configuration).map(|o| doc::text(o, "/name").to_owned());
        if let Some(owner) = owner.and_then(|name| self.get(Kind::Service, &name).cloned()) {
            self.follow(Kind::Service, &owner);
        }
    }

    fn apply(&mut self, writes: Vec<ChildWrite>) {
        for write in writes {
            match write {
                ChildWrite::Create(kind, document) | ChildWrite::Update(kind, document) => self.put(kind, document),
                ChildWrite::Delete { kind, name, .. } => self.delete(kind, &name),
            }
        }
    }

    /// The fake node.
    fn run(&mut self) {
        let fresh: Vec<Value> =
            self.all(Kind::Revision).into_iter().filter(|d| !self.lives.contains_key(doc::name(d))).cloned().collect();
        for revision in fresh {
            let settings = ScaleSettings::of(&revision, &config()).expect("settings");
            let image = doc::text(&revision, "/spec/containers/0/image").to_owned();
            let mut live = RevisionLive::new(NOW);
            let wanted = settings.initial_threshold();
            if image.contains("nopull") {
                let message = format!("Back-off pulling image {image:?}");
                live.failure = Some(Failure::Waiting { reason: "ImagePullBackOff".into(), message });
            } else if image.contains("exits") {
                live.failure = Some(Failure::Exit { code: 5, message: "boom".into() });
            } else if image.starts_with("127.0.0.1") {
                let dial = "dial tcp 127.0.0.1:1: connect: connection refused";
                let message = format!(
                    "Unable to fetch image {image:?}: failed to resolve image to digest: Get \"https://127.0.0.1:1/v2/\": {dial}; Get \"http://127.0.0.1:1/v2/\": {dial}"
                );
                live.failure = Some(Failure::Image { message });
            } else if !image.contains("neverready") && doc::controller(&revision).is_some() {
                live.initial_scale_reached = true;
                live.active = Some(wanted > 0);
                live.desired = (wanted > 0).then_some(wanted);
                (live.actual, live.ready) = (wanted, wanted);
            }
            self.lives.insert(doc::name(&revision).to_owned(), live);
        }
    }

    /// Remembers traffic and brings the routing state in line, as often as it takes.
    fn settle(&mut self) {
        let config = config();
        let ctx = Context { config: &config, now: NOW };
        for _ in 0..2 {
            let routes: Vec<Value> = self.all(Kind::Route).into_iter().cloned().collect();
            for route in &routes {
                let scene = self.scene();
                if let Ok(targets) = traffic::resolve(route, &scene) {
                    let url = |tag: &str| skiff_knative::hosts::url(route, Some(tag), &config);
                    let assigned = Assigned { generation: doc::generation(route), traffic: traffic::shown(&targets, url) };
                    self.assigned.insert(doc::name(route).to_owned(), assigned);
                }
            }
            let references: Vec<&Value> = routes.iter().collect();
            let assigned = |route: &str| self.assigned.get(route).map(|a| a.traffic.clone());
            let writes = routing_updates(&ctx, &references, &self.scene(), &assigned);
            self.apply(writes);
        }
    }

    /// The recordings waited at these steps: deadlines pass, windows end.
    pub fn pass_time(&mut self, step: &str) {
        if step.ends_with("-wait") || step == "mixed-ksvc" {
            for live in self.lives.values_mut().filter(|live| !live.initial_scale_reached && live.desired.is_none()) {
                live.deadline_exceeded = !matches!(live.failure, Some(Failure::Image { .. }));
            }
        }
        for live in self.lives.values_mut() {
            if step == "wait" {
                (live.active, live.desired) = (Some(false), Some(0));
            } else if step == "wait-more" {
                (live.actual, live.ready) = (0, 0);
            }
        }
        self.settle();
    }

    fn route_live(&self, name: &str) -> RouteLive {
        let taken = self.core_services.iter().find(|service| *service == name).cloned();
        RouteLive { assigned: self.assigned.get(name).cloned(), ingress_ready: true, placeholder_taken: taken, since: since() }
    }

    pub fn read(&self, plural: &str, name: &str) -> Option<Value> {
        if let Some(kind) = kind(plural) {
            let mut object = self.get(kind, name)?.clone();
            object["status"] = self.status(kind, &object);
            if let Some(finalizer) = finalizer(kind) {
                object["metadata"]["finalizers"] = json!([finalizer]);
            }
            return Some(object);
        }
        self.view(plural, name)
    }

    fn status(&self, kind: Kind, object: &Value) -> Value {
        let (scene, config, name) = (self.scene(), config(), doc::name(object));
        match kind {
            Kind::Service => {
                let children =
                    status::Children { configuration: self.get(Kind::Configuration, name), route: self.get(Kind::Route, name) };
                status::service_status(object, children, &scene, &self.route_live(name), &since(), Stage::Settled, &config)
            }
            Kind::Configuration => status::configuration_status(object, &scene, &since()),
            Kind::Route => status::route_status(object, &scene, &self.route_live(name), &config),
            _ => status::revision_status(object, &self.lives[name]),
        }
    }

    fn view(&self, plural: &str, name: &str) -> Option<Value> {
        let config = config();
        let uids = |kind: &str, name: &str| format!("UID-{kind}-{name}");
        let revision_name = name.trim_end_matches("-private");
        if let Some(route) =
            self.all(Kind::Route).into_iter().find(|r| doc::name(r) == name || name.ends_with(&format!("-{}", doc::name(r))))
        {
            let targets = traffic::resolve(route, &self.scene()).ok()?;
            let tag = name.strip_suffix(&format!("-{}", doc::name(route)));
            if tag.is_some() && !targets.iter().any(|t| t.tag.as_deref() == tag) {
                return None;
            }
            return match plural {
                "ingresses" => Some(status::ingress(route, &targets, GATEWAYS, true, &since(), &config, &uids)),
                _ => Some(status::placeholder_service(route, tag, LOCAL, &config, &uids)),
            };
        }
        if plural == "images" {
            let revision = self.get(Kind::Revision, name.strip_suffix("-cache-user-container")?)?;
            return Some(status::image(revision, "user-container", "", &uids));
        }
        let revision = self.get(Kind::Revision, revision_name)?;
        let (settings, live) = (ScaleSettings::of(revision, &config).ok()?, &self.lives[revision_name]);
        Some(match plural {
            "podautoscalers" => status::pod_autoscaler(revision, &settings, live, &uids),
            "metrics" => status::metric(revision, &settings, &since(), &uids),
            "serverlessservices" => status::serverless_service(revision, &settings, live, &uids),
            "core-services" if name.ends_with("-private") => status::private_service(revision, &settings, "<ip>", &uids),
            "core-services" => status::public_service(revision, &settings, "<ip>", &uids),
            _ => return None,
        })
    }
}
