//! Statuses of Pods as bytes with holes: the Pods of one revision in one state differ in two times and a few addresses, so the
//! status is made once as a value and from then on spliced. Fed by `pod.rs`; kept in the template; pure.

use super::name;
use super::pod::{Facts, Place};
use super::template::Template;
use parking_lot::Mutex;
use skiff_engine::SandboxAt;
use skiff_engine::record::Phase;
use std::sync::Arc;

/// What a hole is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    Created,
    Changed,
    HostIp,
    PodIp,
    Container(usize),
}

/// Bytes, each followed by a hole, and the end.
#[derive(Debug)]
struct Stencil {
    pieces: Vec<(Box<[u8]>, Hole)>,
    end: Box<[u8]>,
}

/// States that look different in a status: the phase, whether there is a node, whether containers' names are known.
type State = (Phase, bool, bool);

/// Those of one template.
#[derive(Debug, Default)]
pub(super) struct Stencils(Mutex<Vec<(State, Arc<Stencil>)>>);

impl Stencils {
    /// Writes the status of a sandbox about which there is nothing peculiar.
    pub(super) fn fill(&self, template: &Template, at: &SandboxAt, facts: &Facts, out: &mut Vec<u8>) {
        let named = facts.place.as_ref().is_some_and(|place| !place.containers.is_empty());
        let state = (at.sandbox.phase(), facts.place.is_some(), named);
        let stencil = {
            let mut known = self.0.lock();
            let found = known.iter().find(|(of, _)| *of == state).map(|(_, stencil)| stencil.clone());
            found.unwrap_or_else(|| {
                let stencil = Arc::new(Stencil::of(template, at, facts));
                known.push((state, stencil.clone()));
                stencil
            })
        };
        stencil.fill(facts, out);
    }
}

impl Stencil {
    /// Makes the status with marks where the holes are to be, and cuts it there.
    fn of(template: &Template, at: &SandboxAt, facts: &Facts) -> Stencil {
        // No text that somebody chose can hold the marks: they follow from the owner's identity, which came after the text.
        let mark = format!("{:032x}", name::derived_uid(template.owner_uid, b"stencil"));
        let marked = |hole: &str| format!("{mark}{hole};");
        let place = facts.place.as_ref().map(|place| Place {
            host_ip: marked("h"),
            pod_ip: marked("p"),
            containers: (0..place.containers.len()).map(|i| marked(&format!("c{i}"))).collect(),
        });
        let marks = Facts { created: marked("m"), changed: marked("t"), place };
        let text = serde_json::to_string(&marks.status(template, at)).unwrap_or_default();
        let mut parts = text.split(&mark);
        let mut before = parts.next().unwrap_or_default();
        let mut pieces = Vec::new();
        for part in parts {
            let (hole, rest) = part.split_once(';').unwrap_or((part, ""));
            let hole = match hole.split_at(1.min(hole.len())) {
                ("m", _) => Hole::Created,
                ("t", _) => Hole::Changed,
                ("h", _) => Hole::HostIp,
                ("p", _) => Hole::PodIp,
                (_, number) => Hole::Container(number.parse().unwrap_or(usize::MAX)),
            };
            pieces.push((before.as_bytes().into(), hole));
            before = rest;
        }
        Stencil { pieces, end: before.as_bytes().into() }
    }

    fn fill(&self, facts: &Facts, out: &mut Vec<u8>) {
        let place = facts.place.as_ref();
        for (piece, hole) in &self.pieces {
            out.extend_from_slice(piece);
            let text = match hole {
                Hole::Created => Some(&facts.created),
                Hole::Changed => Some(&facts.changed),
                Hole::HostIp => place.map(|place| &place.host_ip),
                Hole::PodIp => place.map(|place| &place.pod_ip),
                Hole::Container(i) => place.and_then(|place| place.containers.get(*i)),
            };
            // Times, addresses and names of containers need no escapes.
            out.extend_from_slice(text.map(String::as_bytes).unwrap_or_default());
        }
        out.extend_from_slice(&self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::super::pod::{Host, body};
    use super::super::template::{Owner, Template};
    use serde_json::{Value, json};
    use skiff_engine::SandboxAt;
    use skiff_engine::record::{Phase, Sandbox};
    use skiff_engine::wire::SandboxKey;

    #[test]
    fn a_filled_stencil_is_the_status() {
        let owner = Owner { api_version: "apps/v1", kind: "ReplicaSet", name: "w", uid: 7 };
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {
            "initContainers": [{"name": "i", "image": "x"}],
            "containers": [{"name": "c", "image": "y"}, {"name": "d", "image": "z;\"q"}],
        }});
        let template = Template::new(3, "default", "w", &owner, &template);
        let hosts = [
            None,
            Some(Host { name: "n".into(), address: 1, pod_address: 2, containerd: false }),
            Some(Host { name: "m".into(), address: 0x0a00_0001, pod_address: 0x0a01_0203, containerd: true }),
        ];
        for phase in [Phase::Pending, Phase::Creating, Phase::Running, Phase::Ready, Phase::Stopping, Phase::Lost, Phase::Failed]
        {
            for (round, host) in hosts.iter().chain(&hosts).enumerate() {
                let mut sandbox = Sandbox::new(SandboxKey { revision: 3, seq: 100 + round as u32 }, 50 + round as u32);
                sandbox.enter(phase, 60 + round as u32);
                let at = SandboxAt { sandbox, version: 9, overlay: None };
                let shown: Value = serde_json::from_slice(&body(&template, &at, host.as_ref())).unwrap();
                let wanted = super::super::pod::status(&template, template.pod_uid(sandbox.seq()), &at, host.as_ref());
                assert_eq!(shown["status"], wanted, "{phase:?} {host:?}");
            }
        }
    }
}
