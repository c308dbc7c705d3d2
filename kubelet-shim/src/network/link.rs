//! rtnetlink in one namespace: bridge, veth, addresses, routes.

use super::{NetworkError, Range};
use futures::TryStreamExt;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkMessage};
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// A netlink connection to the namespace that it was made in; it ends with the last clone.
#[derive(Clone)]
pub struct Links {
    handle: Handle,
    _task: Arc<Driving>,
}

struct Driving(tokio::task::JoinHandle<()>);

impl Drop for Driving {
    fn drop(&mut self) {
        // The socket would keep the namespace alive.
        self.0.abort();
    }
}

fn failed(what: &'static str) -> impl FnOnce(rtnetlink::Error) -> NetworkError {
    move |source| NetworkError::Netlink { what, source }
}

impl Links {
    /// To the namespace of the calling thread.
    pub fn here() -> Result<Links, NetworkError> {
        let (connection, handle, _) =
            rtnetlink::new_connection().map_err(|source| NetworkError::System { what: "netlink", source })?;
        let task = tokio::spawn(connection);
        Ok(Links { handle, _task: Arc::new(Driving(task)) })
    }

    async fn index(&self, name: &str) -> Result<Option<u32>, NetworkError> {
        let mut found = self.handle.link().get().match_name(name.to_owned()).execute();
        match found.try_next().await {
            Ok(link) => Ok(link.map(|l| l.header.index)),
            Err(rtnetlink::Error::NetlinkError(message)) if message.raw_code() == -19 => Ok(None),
            Err(error) => Err(failed("find link")(error)),
        }
    }

    /// Another link than `own` that has an address in the range: its name, address and prefix length.
    pub async fn overlap(&self, own: &str, range: Range) -> Result<Option<(String, Ipv4Addr, u8)>, NetworkError> {
        let own = self.index(own).await?;
        let mut found = self.handle.address().get().execute();
        while let Some(message) = found.try_next().await.map_err(failed("list addresses"))? {
            if Some(message.header.index) == own {
                continue;
            }
            let address = message.attributes.iter().find_map(|a| match a {
                AddressAttribute::Address(IpAddr::V4(address)) => Some(*address),
                _ => None,
            });
            if let Some(address) = address.filter(|a| range.holds(*a)) {
                let mut link = self.handle.link().get().match_index(message.header.index).execute();
                let name = link.try_next().await.ok().flatten().and_then(|l| {
                    l.attributes.into_iter().find_map(|a| if let LinkAttribute::IfName(name) = a { Some(name) } else { None })
                });
                return Ok(Some((name.unwrap_or_default(), address, message.header.prefix_len)));
            }
        }
        Ok(None)
    }

    /// The bridge with this name and address; made if it is not there.
    pub async fn bridge(&self, name: &str, address: Ipv4Addr, prefix: u8) -> Result<u32, NetworkError> {
        let index = match self.index(name).await? {
            Some(index) => index,
            None => {
                self.handle.link().add(LinkBridge::new(name).build()).execute().await.map_err(failed("create bridge"))?;
                self.index(name).await?.ok_or(NetworkError::NoRange)?
            }
        };
        let add = self.handle.address().add(index, address.into(), prefix).replace();
        add.execute().await.map_err(failed("address of bridge"))?;
        self.up(name).await?;
        Ok(index)
    }

    /// A veth: `name` here, on the bridge and up; `eth0` in the namespace of `inside`. One message makes both ends.
    pub async fn veth(&self, name: &str, bridge: u32, inside: &File) -> Result<(), NetworkError> {
        // The peer must not be up in this message: it would be opened before it has a partner (ENOTCONN).
        let peer: LinkMessage = LinkMessageBuilder::<LinkUnspec>::new()
            .name("eth0".to_owned())
            .append_extra_attribute(LinkAttribute::NetNsFd(inside.as_raw_fd()))
            .build();
        let message = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
            .name(name.to_owned())
            .controller(bridge)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        self.handle.link().add(message).execute().await.map_err(failed("create veth"))?;
        self.up(name).await
    }

    pub async fn up(&self, name: &str) -> Result<(), NetworkError> {
        let message = LinkUnspec::new_with_name(name).up().build();
        self.handle.link().change(message).execute().await.map_err(failed("link up"))
    }

    /// Address, hardware address made of it, and default route. With a hardware address that follows from the IP address,
    /// neighbours need not notice that a slot has a new owner.
    pub async fn address(&self, name: &str, address: Ipv4Addr, prefix: u8, gateway: Ipv4Addr) -> Result<(), NetworkError> {
        let index = self.index(name).await?.ok_or(NetworkError::NoRange)?;
        let [a, b, c, d] = address.octets();
        let hardware = LinkUnspec::new_with_index(index).address(vec![0x0a, 0x58, a, b, c, d]).build();
        self.handle.link().change(hardware).execute().await.map_err(failed("hardware address"))?;
        let add = self.handle.address().add(index, address.into(), prefix);
        add.execute().await.map_err(failed("address"))?;
        let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(gateway).build();
        self.handle.route().add(route).execute().await.map_err(failed("route"))
    }

    pub async fn delete(&self, name: &str) {
        if let Ok(Some(index)) = self.index(name).await
            && let Err(error) = self.handle.link().del(index).execute().await
        {
            tracing::warn!(%error, name, "link stays behind");
        }
    }
}
