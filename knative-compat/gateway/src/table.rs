//! Hosts → splits → revisions → sandboxes.
//!
//! Fed by [`crate::link`] with the control plane's frames, read by every request with one lookup of the host (a sharded map
//! whose read guard lives for that lookup only); everything below the host is reached through handles without locks. Must not
//! know sockets.

use crate::metrics::Metrics;
use crate::revision::Revision;
use dashmap::DashMap;
use foldhash::fast::RandomState;
use skiff_engine::policy::below;
use skiff_engine::wire::{HostRoute, Route};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Where a host leads.
pub(crate) struct Host {
    pub(crate) cluster_local: bool,
    pub(crate) redirect_https: bool,
    splits: Box<[(Arc<Revision>, u8)]>,
    tags: Box<[(Box<str>, Arc<Revision>)]>,
    session: AtomicU64,
}

/// How a revision was chosen, for the headers that tell the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// Tag headers mean nothing on this host.
    Plain,
    /// By the tag header.
    Tagged,
    /// Tag headers are in use here, but this request had none that is known.
    Default,
}

impl Host {
    /// The revision for a request: the tag's if the header names one, else by weight.
    pub(crate) fn choose(&self, tag: Option<&[u8]>, chance: u64) -> Option<(Arc<Revision>, Chosen)> {
        let chosen = if self.tags.is_empty() { Chosen::Plain } else { Chosen::Default };
        if let Some(tag) = tag
            && let Some((_, revision)) = self.tags.iter().find(|(name, _)| name.as_bytes() == tag)
        {
            return Some((revision.clone(), Chosen::Tagged));
        }
        if let [(revision, _)] = &*self.splits {
            return Some((revision.clone(), chosen));
        }
        let total: usize = self.splits.iter().map(|(_, percent)| usize::from(*percent)).sum();
        if total == 0 {
            return None;
        }
        let mut point = below(chance, total);
        for (revision, percent) in &self.splits {
            match point.checked_sub(usize::from(*percent)) {
                Some(rest) => point = rest,
                None => return Some((revision.clone(), chosen)),
            }
        }
        None
    }
}

/// All routes.
#[derive(Default)]
pub(crate) struct Table {
    hosts: DashMap<Box<str>, Arc<Host>, RandomState>,
    revisions: DashMap<u32, Arc<Revision>, RandomState>,
    session: AtomicU64,
    synced: AtomicBool,
}

impl Table {
    /// The host by its name in lower case, without a port.
    pub(crate) fn host(&self, name: &str) -> Option<Arc<Host>> {
        self.hosts.get(name).map(|host| Arc::clone(&host))
    }

    /// A new session with the control plane begins: what is not said again until [`Route::Synced`] no longer exists.
    pub(crate) fn begin_session(&self) {
        self.session.fetch_add(1, Ordering::Relaxed);
    }

    /// All routes have been heard at least once.
    pub(crate) fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Relaxed)
    }

    /// Hosts and revisions known.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.hosts.len(), self.revisions.len())
    }

    /// Revisions that requests wait for, with how many.
    pub(crate) fn waiting(&self) -> Vec<(Arc<Revision>, u32)> {
        let all = self.revisions.iter().map(|entry| (Arc::clone(&entry), entry.room.waiting()));
        all.filter(|(_, waiting)| *waiting > 0).collect()
    }

    /// Takes in one frame; those that are not about routes are the link's.
    pub(crate) fn apply(&self, route: Route, metrics: &Metrics) {
        let session = self.session.load(Ordering::Relaxed);
        match route {
            Route::Host(route) => self.set_host(route, session),
            Route::DropHost { host } => {
                self.hosts.remove(host.as_str());
            }
            Route::Revision(route) => self.revision(route.revision).set_rules(route, session),
            Route::DropRevision { revision } => self.drop_revision(revision, metrics),
            Route::Endpoints { revision, endpoints } => self.revision(revision).set_endpoints(&endpoints, session),
            Route::Progress { revision, decided_us, ordered_us } => {
                self.revision(revision).set_progress(decided_us, ordered_us);
            }
            Route::Failing { revision, message } => self.revision(revision).set_failing(message),
            Route::Synced => self.sweep(session, metrics),
            Route::Welcome { .. } | Route::Ping => {}
        }
    }

    fn set_host(&self, route: HostRoute, session: u64) {
        let host = Host {
            cluster_local: route.cluster_local,
            redirect_https: route.redirect_https,
            splits: route.splits.iter().map(|(number, percent)| (self.revision(*number), *percent)).collect(),
            tags: route.tags.into_iter().map(|(tag, number)| (tag.into(), self.revision(number))).collect(),
            session: AtomicU64::new(session),
        };
        self.hosts.insert(route.host.to_ascii_lowercase().into(), Arc::new(host));
    }

    fn revision(&self, number: u32) -> Arc<Revision> {
        Arc::clone(&self.revisions.entry(number).or_insert_with(|| Arc::new(Revision::new(number))))
    }

    fn drop_revision(&self, number: u32, metrics: &Metrics) {
        let Some(revision) = self.revisions.get(&number).map(|entry| Arc::clone(&entry)) else { return };
        if let Some(rules) = revision.forget() {
            metrics.forget(&rules.route.namespace, &rules.route.name);
        }
        drop(revision);
        self.purge(number);
    }

    /// Lets go of a revision that is neither known to the control plane nor held by a host or a request.
    fn purge(&self, number: u32) {
        self.revisions.remove_if(&number, |_, revision| !revision.is_known() && Arc::strong_count(revision) == 1);
    }

    fn sweep(&self, session: u64, metrics: &Metrics) {
        self.synced.store(true, Ordering::Relaxed);
        self.hosts.retain(|_, host| host.session.load(Ordering::Relaxed) == session);
        let all: Vec<Arc<Revision>> = self.revisions.iter().map(|entry| Arc::clone(&entry)).collect();
        for revision in all {
            match revision.said_in(session) {
                (false, _) => {
                    let number = revision.number;
                    drop(revision);
                    self.drop_revision(number, metrics);
                }
                (true, false) => revision.set_endpoints(&[], session),
                (true, true) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(splits: &[(u32, u8)], tags: &[(&str, u32)]) -> Host {
        let table = Table::default();
        table.set_host(
            HostRoute {
                host: "Hello.Example".into(),
                cluster_local: false,
                splits: splits.to_vec(),
                redirect_https: false,
                tags: tags.iter().map(|(tag, number)| ((*tag).into(), *number)).collect(),
            },
            0,
        );
        table.hosts.remove("hello.example").and_then(|(_, host)| Arc::into_inner(host)).expect("lower-case name")
    }

    #[test]
    fn splits_follow_the_weights_and_the_seed() {
        let host = host(&[(1, 70), (2, 30), (3, 0)], &[]);
        let dice = crate::chance::Dice::new(Some(7));
        let mut counts = [0; 4];
        for _ in 0..10_000 {
            let (revision, chosen) = host.choose(Some(b"x"), dice.roll()).expect("a split");
            assert_eq!(chosen, Chosen::Plain);
            counts[revision.number as usize] += 1;
        }
        assert_eq!(counts[3], 0);
        assert!((6_700..7_300).contains(&counts[1]), "{counts:?}");
    }

    #[test]
    fn a_known_tag_wins_and_an_unknown_one_means_default() {
        let host = host(&[(1, 100)], &[("blue", 2)]);
        let choose = |tag: Option<&[u8]>| host.choose(tag, 0).map(|(revision, chosen)| (revision.number, chosen));
        assert_eq!(choose(Some(b"blue")), Some((2, Chosen::Tagged)));
        assert_eq!(choose(Some(b"red")), Some((1, Chosen::Default)));
        assert_eq!(choose(None), Some((1, Chosen::Default)));
    }

    #[test]
    fn no_share_leads_nowhere() {
        assert!(host(&[], &[]).choose(None, 0).is_none());
        assert!(host(&[(1, 0), (2, 0)], &[]).choose(None, 0).is_none());
    }
}
