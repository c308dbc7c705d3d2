//! Work that goes on after its request was answered, pass by pass, until nothing is left: what a namespace or a definition takes
//! along. Must not know whose work it is.

use crate::status::Outcome;
use std::time::Duration;

/// Pause after a pass that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Begins the passes in the background. A pass says whether it was the last one; `pause` comes before the next. A failed one is
/// logged as `what` of `name`, and tried again: the work is bounded by what there is to do, not by a number of passes.
pub fn begin<F>(what: &'static str, name: &str, pause: Duration, pass: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = Outcome<bool>> + Send,
{
    let name = name.to_owned();
    tokio::spawn(async move {
        loop {
            match pass().await {
                Ok(true) => return,
                Ok(false) => tokio::time::sleep(pause).await,
                Err(refusal) => {
                    tracing::warn!(%name, message = %refusal.message, "{what}");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    });
}
