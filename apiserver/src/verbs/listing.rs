//! The body of a list: short ones whole, long ones in chunks while they are sent. A hundred thousand objects are references to
//! rows here, never a tree and (but for protobuf, which wants its length first) never one piece of bytes.
//!
//! Fed by `list.rs` with what is to be shown. A client that does not take its chunks is cut after [`CHUNK_SECONDS_MAX`].

use super::ask::Ask;
use super::form::Writer;
use super::house::House;
use super::reply::{self, Content, ListMeta, Reply, Shown};
use super::select::Selection;
use crate::admit::limits::Seat;
use crate::decode::{Encoding, Shape};
use crate::project::Item;
use crate::status::{Outcome, Refusal};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Items of a list that is made whole before it is answered.
const WHOLE_ITEMS_MAX: usize = 64;
/// Bytes after which a chunk is sent.
const CHUNK_BYTES: usize = 128 << 10;
/// Chunks between the maker and the connection.
const CHUNKS_MAX: usize = 4;
/// Items rendered under one lock.
const ITEMS_PER_LOOK: usize = 32;
/// A client that takes no chunk for so long is cut.
const CHUNK_SECONDS_MAX: u64 = 30;

/// A body in pieces.
pub type Chunks = mpsc::Receiver<Result<Bytes, Broken>>;

/// A list that could not be finished; the connection is broken off, so that nobody takes it for whole.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the list broke off: {0}")]
pub struct Broken(String);

/// A list to be written.
pub(super) struct Listing {
    pub house: Arc<House>,
    pub ask: Arc<Ask>,
    pub selection: Selection,
    pub items: Vec<Item>,
    pub meta: ListMeta,
    /// Held until the last byte is taken.
    pub seat: Option<Arc<Seat>>,
}

impl Listing {
    /// The answer.
    ///
    /// # Errors
    /// See [`Writer`]; 429 if what must be held is too much.
    pub async fn reply(self) -> Outcome<Reply> {
        if self.items.len() <= WHOLE_ITEMS_MAX {
            let shown = self.look(&self.items);
            return reply::list(&self.ask, &self.meta, shown.into_iter());
        }
        let content_type = Writer::content_type(self.ask.form);
        let writer = Writer::new(&self.ask)?;
        let (to, chunks) = mpsc::channel(CHUNKS_MAX);
        if self.ask.form.encoding == Encoding::Protobuf && self.ask.form.shape == Shape::Object {
            let pieces = self.encode(writer).await?;
            let seat = self.seat;
            tokio::spawn(async move {
                for piece in pieces {
                    if send(&to, piece).await.is_err() {
                        break;
                    }
                }
                drop(seat);
            });
        } else {
            tokio::spawn(async move {
                if let Err(refusal) = self.flow(writer, &to).await {
                    // Nobody is there to be told if the connection is gone already.
                    let _ = to.try_send(Err(Broken(refusal.message)));
                }
            });
        }
        Ok(Reply { code: 200, content_type, body: Content::Chunks(chunks) })
    }

    /// Renders those items that the selectors take, at one moment.
    fn look(&self, items: &[Item]) -> Vec<Shown> {
        let kind = &self.ask.kind;
        let core = self.house.store.read();
        let shown = items.iter().map(|item| Shown { version: item.version, body: core.show(kind, &item.key, &item.view) });
        shown.filter(|shown| self.selection.matches(kind, &shown.body)).collect()
    }

    /// Writes as the client takes.
    async fn flow(&self, mut writer: Writer, to: &mpsc::Sender<Result<Bytes, Broken>>) -> Outcome<()> {
        let mut out = Vec::with_capacity(CHUNK_BYTES * 5 / 4);
        writer.head(&self.meta, 0, &mut out)?;
        let mut first = true;
        for items in self.items.chunks(ITEMS_PER_LOOK) {
            for shown in self.look(items) {
                writer.item(first, &shown, &mut out)?;
                first = false;
                if out.len() < CHUNK_BYTES {
                    continue;
                }
                send(to, std::mem::replace(&mut out, Vec::with_capacity(CHUNK_BYTES * 5 / 4)).into()).await?;
            }
        }
        writer.tail(&mut out);
        send(to, out.into()).await
    }

    /// All of it, in pieces: the length of the items stands in front of them.
    async fn encode(&self, mut writer: Writer) -> Outcome<Vec<Bytes>> {
        let mut pieces = vec![Bytes::new()];
        let (mut out, mut total) = (Vec::with_capacity(CHUNK_BYTES * 5 / 4), 0);
        for items in self.items.chunks(ITEMS_PER_LOOK) {
            for shown in self.look(items) {
                writer.item(false, &shown, &mut out)?;
            }
            if out.len() >= CHUNK_BYTES {
                self.seat.as_ref().map_or(Ok(()), |seat| seat.hold(out.len()))?;
                total += out.len();
                pieces.push(std::mem::replace(&mut out, Vec::with_capacity(CHUNK_BYTES * 5 / 4)).into());
                // Others' requests have their turn on this thread.
                tokio::task::yield_now().await;
            }
        }
        total += out.len();
        let mut head = Vec::new();
        writer.head(&self.meta, total, &mut head)?;
        writer.tail(&mut out);
        pieces[0] = head.into();
        pieces.push(out.into());
        Ok(pieces)
    }
}

/// Hands a piece over.
///
/// # Errors
/// The client is gone or takes nothing.
async fn send(to: &mpsc::Sender<Result<Bytes, Broken>>, piece: Bytes) -> Outcome<()> {
    match tokio::time::timeout(Duration::from_secs(CHUNK_SECONDS_MAX), to.send(Ok(piece))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Refusal::new(408, "Timeout", "the client does not take the list")),
    }
}
