//! Measures a server under load; each subcommand prints one Markdown table.

use anyhow::Result;
use clap::{Parser, Subcommand};
use skiff_conformance::load::{cold, coldstart, creations, documents, idle, lists, memory, posts, watchers};

#[derive(Parser)]
#[command(about = "Measures a Skiff server: starts one, or takes the one named by --server and --token")]
struct Arguments {
    #[command(subcommand)]
    figure: Figure,
}

#[derive(Subcommand)]
enum Figure {
    /// Sandbox creations per second through a Deployment's scale, on fake nodes.
    Creations(creations::CreationsArgs),
    /// Cold requests per second through the gateway, on fake nodes.
    Cold(cold::ColdArgs),
    /// Cold start on containerd, stage by stage.
    Coldstart(coldstart::ColdStartArgs),
    /// Resident memory by number of sandboxes, on fake nodes.
    Memory(memory::MemoryArgs),
    /// LIST of many pods in each form.
    Lists(lists::ListsArgs),
    /// POST of ConfigMaps and Pods by number of clients.
    Posts(posts::PostsArgs),
    /// Watch events delivered to many watchers.
    Watchers(watchers::WatchersArgs),
    /// Resident memory by number of idle watches.
    Idle(idle::IdleArgs),
    /// Resident memory by number of documents.
    Documents(documents::DocumentsArgs),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Arguments::parse().figure {
        Figure::Creations(args) => creations::creations(&args).await,
        Figure::Cold(args) => cold::cold(&args).await,
        Figure::Coldstart(args) => coldstart::coldstart(&args).await,
        Figure::Memory(args) => memory::memory(&args).await,
        Figure::Lists(args) => lists::lists(&args).await,
        Figure::Posts(args) => posts::posts(&args).await,
        Figure::Watchers(args) => watchers::watchers(&args).await,
        Figure::Idle(args) => idle::idle(&args).await,
        Figure::Documents(args) => documents::documents(&args).await,
    }
}
