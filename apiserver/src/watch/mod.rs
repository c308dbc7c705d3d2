//! Subscriptions: a resource's journal, from a version on, through selectors, as lines that all watchers of a form share.
//!
//! Reads the store, changes nothing. A watcher that does not take its lines is cut after [`LAG_SECONDS_MAX`], and told so by the
//! last line that it finds; it resumes from its last version, or lists again if the journal has moved on.

mod encode;

use crate::admit::limits::Seat;
use crate::status::{Outcome, Refusal};
use crate::store::{Change, Forms};
use crate::verbs::ask::Ask;
use crate::verbs::house::House;
use crate::verbs::list::{check_options, parse_version, wait_for};
use crate::verbs::select::Selection;
use bytes::Bytes;
use encode::{Encoder, Happened};
use skiff_engine::Entry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Lines between the journal and the connection.
const LINES_MAX: usize = 64;
/// Journal entries taken under one lock.
const ENTRIES_MAX: usize = 256;
/// A watcher that takes no line for so long is cut.
pub const LAG_SECONDS_MAX: u64 = 30;
/// Bookmarks for those who asked, about so often.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// What a watch starts with.
struct Start {
    /// Events after this version follow.
    version: u64,
    /// Objects that exist are sent first.
    initial: bool,
    /// The end of the first part is marked.
    mark: bool,
}

/// GET with `watch`: returns the stream of lines.
///
/// # Errors
/// What is wrong with the options; too old a version is an event in the stream.
pub async fn watch(house: Arc<House>, ask: Arc<Ask>, seat: Option<Arc<Seat>>) -> Outcome<mpsc::Receiver<Bytes>> {
    check_options(&ask, true)?;
    let selection = Selection::parse(&ask)?;
    let text = ask.query.text("resourceVersion");
    let asked = parse_version(text, true)?;
    let send_initial = ask.query.flag_opt("sendInitialEvents")?;
    let initial = send_initial.unwrap_or(asked == 0);
    if send_initial == Some(true) {
        wait_for(&house, asked).await?;
    }
    let bookmarks = ask.query.flag("allowWatchBookmarks")?;
    let mark = send_initial == Some(true) && bookmarks;
    let version = if initial || asked == 0 { 0 } else { asked };
    let start = Start { version, initial, mark };
    let timeout =
        ask.query.number("timeoutSeconds")?.filter(|s| *s > 0).unwrap_or_else(|| 1800 + i64::from(rand::random::<u16>() % 1800));
    let (lines, stream) = mpsc::channel(LINES_MAX + 1);
    // A place is kept for the last word to a watcher that takes nothing.
    let last_word = lines.clone().try_reserve_owned().ok();
    let deadline = Instant::now() + Duration::from_secs(u64::try_from(timeout).unwrap_or(1800).min(1 << 31));
    let encoder = Encoder::new(ask.clone())?;
    let watcher = Watcher { encoder, house, ask, selection, lines, last_word, bookmarks, sent: 0, seat };
    tokio::spawn(watcher.run(start, deadline));
    Ok(stream)
}

struct Watcher {
    house: Arc<House>,
    ask: Arc<Ask>,
    selection: Selection,
    encoder: Encoder,
    lines: mpsc::Sender<Bytes>,
    last_word: Option<mpsc::OwnedPermit<Bytes>>,
    bookmarks: bool,
    sent: u64,
    /// Held until what exists has been sent: that is the costly part of a watch.
    seat: Option<Arc<Seat>>,
}

/// Why a watch ends before its time.
enum Cut {
    /// The connection is gone, or all has been said.
    Over,
    /// It takes no lines.
    Slow,
}

impl Watcher {
    async fn run(mut self, start: Start, deadline: Instant) {
        // The end of the task closes the channel, and that ends the response.
        if let Err(Cut::Slow) = self.follow(start, deadline).await
            && let Some(place) = self.last_word.take()
        {
            // 429 makes clients wait and go on from their last version, where any other error would make them list again.
            let text = format!("the watch was cut: none of its events was taken for {LAG_SECONDS_MAX} seconds");
            place.send(self.encoder.error(&Refusal { retry_after_s: Some(1), ..Refusal::new(429, "TooManyRequests", text) }));
        }
    }

    async fn follow(&mut self, start: Start, deadline: Instant) -> Result<(), Cut> {
        let mut growth = self.house.store.growth(self.ask.kind.id);
        let mut cursor = start.version;
        if start.initial {
            cursor = self.send_initial(start.mark).await?;
        } else if cursor == 0 {
            cursor = self.house.store.read().world.version;
        }
        self.seat = None;
        let mut bookmark = Instant::now() + BOOKMARK_EVERY;
        loop {
            let seen = *growth.borrow_and_update();
            cursor = self.send_entries(cursor).await?.max(cursor);
            if *growth.borrow() != seen {
                continue;
            }
            tokio::select! {
                changed = growth.changed() => changed.map_err(|_| Cut::Over)?,
                () = tokio::time::sleep_until(bookmark), if self.bookmarks => {
                    // Other resources' versions have passed meanwhile: a client that resumes there finds more of the journal.
                    cursor = self.send_entries(cursor).await?.max(cursor);
                    let line = self.encoder.bookmark(cursor, false);
                    self.send(line).await?;
                    bookmark = Instant::now() + BOOKMARK_EVERY;
                }
                () = tokio::time::sleep_until(deadline) => {
                    if self.bookmarks && cursor > self.sent {
                        let line = self.encoder.bookmark(cursor, false);
                        self.send(line).await?;
                    }
                    return Ok(());
                }
                () = self.lines.closed() => return Err(Cut::Over),
            }
        }
    }

    async fn send(&self, line: Bytes) -> Result<(), Cut> {
        match tokio::time::timeout(Duration::from_secs(LAG_SECONDS_MAX), self.lines.send(line)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Cut::Over),
            Err(_) => Err(Cut::Slow),
        }
    }

    async fn send_initial(&mut self, mark: bool) -> Result<u64, Cut> {
        let (items, version) = {
            let core = self.house.store.read();
            (core.items(self.ask.kind.id, self.ask.namespace()), core.world.version)
        };
        for item in items.into_iter().filter(|item| self.selection.admits_key(&item.key)) {
            let body = self.house.store.read().show(&self.ask.kind, &item.key, &item.view);
            if self.selection.matches(&self.ask.kind, &body) {
                let line = self.encoder.line(Happened::Added, &body, item.version);
                self.send(line).await?;
            }
        }
        if mark {
            let line = self.encoder.bookmark(version, true);
            self.send(line).await?;
        }
        self.sent = version;
        Ok(version)
    }

    /// Sends what came after the cursor; returns the new cursor.
    async fn send_entries(&mut self, cursor: u64) -> Result<u64, Cut> {
        let mut cursor = cursor;
        loop {
            let (entries, now) = {
                let core = self.house.store.read();
                let now = core.world.version;
                let entries = match core.journal_ref(self.ask.kind.id) {
                    _ if cursor < core.first_version => Err(()),
                    Some(journal) => journal.after(cursor, ENTRIES_MAX).map_err(|_| ()),
                    None => Ok(Vec::new()),
                };
                (entries, now)
            };
            let Ok(entries) = entries else {
                let text = format!("too old resource version: {cursor} ({now})");
                let line = self.encoder.error(&Refusal::expired(text));
                self.send(line).await?;
                return Err(Cut::Over);
            };
            let full = entries.len() >= ENTRIES_MAX;
            for entry in &entries {
                if let Some(line) = self.line_of(entry) {
                    self.sent = entry.version;
                    self.send(line).await?;
                }
                cursor = entry.version;
            }
            if !full {
                // All of the resource up to now has been sent. A version from the future stays the cursor: nothing is sent
                // until it is passed.
                return Ok(cursor.max(now));
            }
        }
    }

    /// What an entry means to this watcher: selectors look at before and after.
    fn line_of(&self, entry: &Arc<Entry<Change, Forms>>) -> Option<Bytes> {
        let change = &entry.event;
        if let Some(namespace) = self.ask.namespace()
            && change.key.split('/').next() != Some(namespace)
        {
            return None;
        }
        if !self.selection.admits_key(&change.key) {
            return None;
        }
        let kind = &self.ask.kind;
        let body = entry.beside.object.get_or_init(|| {
            let view = change.after.as_ref().or(change.before.as_ref());
            view.map_or_else(Bytes::new, |view| self.house.store.read().render(kind.id, &change.key, view))
        });
        // What is kept beside the entry is the stored shape: watchers of several shapes share it.
        let body = &kind.shown(body.clone());
        if self.selection.is_everything() || self.ask.address.name.is_empty() && self.selection.name.is_some() && self.plain() {
            let what = match (&change.before, &change.after) {
                (None, Some(_)) => Happened::Added,
                (Some(_), Some(_)) => Happened::Modified,
                (Some(_), None) => Happened::Deleted,
                (None, None) => return None,
            };
            return Some(self.encoder.shared(entry, what, body));
        }
        let after = change.after.is_some() && self.selection.matches(kind, body);
        let before = change.before.as_ref().map(|view| {
            let stored = entry.beside.before.get_or_init(|| self.house.store.read().render(kind.id, &change.key, view));
            kind.shown(stored.clone())
        });
        match (before.filter(|old| self.selection.matches(kind, old)), after) {
            (None, false) => None,
            (None, true) => Some(self.encoder.shared(entry, Happened::Added, body)),
            (Some(_), true) => Some(self.encoder.shared(entry, Happened::Modified, body)),
            (Some(old), false) => Some(self.encoder.line(Happened::Deleted, &old, entry.version)),
        }
    }

    fn plain(&self) -> bool {
        self.ask.query.text("labelSelector").is_empty() && !self.ask.query.text("fieldSelector").contains(',')
    }
}
