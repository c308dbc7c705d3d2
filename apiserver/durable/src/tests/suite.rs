//! openraft's own tests of a store.

use super::{Kept, small};
use crate::keeper::Pressure;
use crate::store::Store;
use crate::tables::Tables;
use crate::types::{StorageError, Types};
use openraft::testing::{StoreBuilder, Suite};
use std::sync::Arc;

struct InFolder;

impl StoreBuilder<Types, Store, Tables, tempfile::TempDir> for InFolder {
    async fn build(&self) -> Result<(tempfile::TempDir, Store, Tables), StorageError> {
        let dir = tempfile::tempdir().unwrap();
        let (held, _released) = crate::lock::take(dir.path()).unwrap();
        let settings = small();
        let pressure = Pressure::new(settings.snapshot_log_bytes);
        let (store, tables) =
            crate::log::open(dir.path().to_owned(), Arc::new(Kept::default()), &settings, pressure, held).unwrap();
        Ok((dir, store, tables))
    }
}

#[test]
fn openraft_accepts_the_store() {
    Suite::test_all(InFolder).unwrap();
}
