//! The wire between members. Until the cluster is built, every call answers that the member is unreachable, by name; with one
//! member openraft never calls. Must not know the log.

use crate::types::Types;
use openraft::error::{InstallSnapshotError, RPCError, RaftError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, RaftNetwork, RaftNetworkFactory};

/// Makes a line to each other member.
#[derive(Clone, Debug)]
pub(crate) struct Lines;

/// A line to one other member.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    node: u64,
    address: String,
}

/// Why a member is not reached.
#[derive(Debug, thiserror::Error)]
#[error("member {node} at {address:?} can't be reached: replication between members is not built yet")]
struct NotBuilt {
    node: u64,
    address: String,
}

type Answer<T, E = RaftError<u64>> = Result<T, RPCError<u64, BasicNode, E>>;

impl RaftNetworkFactory<Types> for Lines {
    type Network = Line;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> Line {
        Line { node: target, address: node.addr.clone() }
    }
}

impl Line {
    fn unreachable(&self) -> Unreachable {
        Unreachable::new(&NotBuilt { node: self.node, address: self.address.clone() })
    }
}

impl RaftNetwork<Types> for Line {
    async fn append_entries(&mut self, _: AppendEntriesRequest<Types>, _: RPCOption) -> Answer<AppendEntriesResponse<u64>> {
        Err(self.unreachable().into())
    }

    async fn install_snapshot(
        &mut self,
        _: InstallSnapshotRequest<Types>,
        _: RPCOption,
    ) -> Answer<InstallSnapshotResponse<u64>, RaftError<u64, InstallSnapshotError>> {
        Err(self.unreachable().into())
    }

    async fn vote(&mut self, _: VoteRequest<u64>, _: RPCOption) -> Answer<VoteResponse<u64>> {
        Err(self.unreachable().into())
    }
}
