//! Certificates and the administrator's credentials, made once and kept in the data folder.
//!
//! Fed by the roles that hold the authority (`up`, `apiserver`, `fake-nodes`, `certificate`). A pair is made anew when what
//! it is good for changes (another API address) or when a start was cut off while writing it. Must not know who uses them.

use crate::layout::{self, Layout};
use crate::sec1;
use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use skiff_access::{Ca, Pair};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Group whose members may do everything.
const MASTERS: &str = "system:masters";
/// Group of nodes.
const NODES: &str = "system:nodes";
/// Group of gateways.
const GATEWAYS: &str = "skiff:gateways";
/// Address of the `kubernetes` service, which pods know the API by.
const SERVICE: IpAddr = IpAddr::V4(Ipv4Addr::from_bits(skiff_apiserver::agents::SERVICE_NETWORK + 1));

/// The authority of a data folder, made at the first start.
pub fn authority(layout: &Layout) -> anyhow::Result<Ca> {
    let (cert, key) = (layout.at("ca.crt"), layout.at("ca.key"));
    match (cert.exists(), key.exists()) {
        (true, true) => existing_authority(layout),
        // The certificate is written last, so a key alone is a start that was cut off.
        (false, _) => {
            let ca = Ca::create()?;
            layout::write_private(&key, ca.pair().key_pem.as_bytes())?;
            layout::write_private(&cert, ca.pair().cert_pem.as_bytes())?;
            Ok(ca)
        }
        (true, false) => bail!("{} is missing beside ca.crt: put it back, or start with another --data-dir", key.display()),
    }
}

/// The authority of a data folder that was started before.
pub fn existing_authority(layout: &Layout) -> anyhow::Result<Ca> {
    let text = |name: &str| String::from_utf8(layout::read(&layout.at(name))?).with_context(|| format!("{name} is no PEM"));
    let key = text("ca.key")?;
    Ca::load(&text("ca.crt")?, &sec1::as_pkcs8(&key).unwrap_or(key)).context("ca.crt and ca.key in the data folder")
}

/// The API server's serving certificate, and the administrator's certificate, token and kubeconfig.
pub fn serving(layout: &Layout, ca: &Ca, api: SocketAddr, san: &[String]) -> anyhow::Result<()> {
    let mut addresses = vec![api.ip(), Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into(), SERVICE];
    let mut names = Vec::new();
    for name in san {
        match name.parse::<IpAddr>() {
            Ok(address) => addresses.push(address),
            Err(_) => names.push(name.clone()),
        }
    }
    addresses.retain(|address| !address.is_unspecified());
    addresses.sort();
    addresses.dedup();
    keep(layout, "apiserver", &format!("{names:?} {addresses:?}"), || Ok(ca.serving(&names, &addresses)?))?;
    let admin = keep(layout, "admin", "kubernetes-admin", || Ok(ca.client("kubernetes-admin", &[MASTERS])?))?;
    let token = layout.at("admin.token");
    if !token.exists() {
        layout::write_private(&token, random_hex()?.as_bytes())?;
    }
    layout::write_private(&layout.at("admin.kubeconfig"), kubeconfig(ca.pem(), &admin, reachable(api)).as_bytes())
}

/// A node's pair, kept as `pki/node-NAME`.
pub fn node(layout: &Layout, ca: &Ca, name: &str) -> anyhow::Result<()> {
    keep(layout, &format!("node-{name}"), name, || sign_node(ca, name)).map(drop)
}

/// A gateway's pair, kept as `pki/gateway-NAME`.
pub fn gateway(layout: &Layout, ca: &Ca, name: &str) -> anyhow::Result<()> {
    keep(layout, &format!("gateway-{name}"), name, || sign_gateway(ca, name)).map(drop)
}

/// A node's pair, not kept.
pub fn sign_node(ca: &Ca, name: &str) -> anyhow::Result<Pair> {
    Ok(ca.client(&format!("system:node:{name}"), &[NODES])?)
}

/// A gateway's pair, not kept.
pub fn sign_gateway(ca: &Ca, name: &str) -> anyhow::Result<Pair> {
    Ok(ca.client(&format!("skiff:gateway:{name}"), &[GATEWAYS])?)
}

/// An administrator's pair, not kept.
pub fn sign_admin(ca: &Ca, name: &str) -> anyhow::Result<Pair> {
    Ok(ca.client(name, &[MASTERS])?)
}

/// Where a client on this machine finds what listens at `address`.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The pair of that name if it is complete and good for `subject`, else a new one. The note (`.for`) is taken away first
/// and written last, so that a pair with a note is whole.
fn keep(layout: &Layout, stem: &str, subject: &str, make: impl FnOnce() -> anyhow::Result<Pair>) -> anyhow::Result<Pair> {
    layout::private_dir(&layout.at("pki"))?;
    let path = |suffix| layout.pki(stem, suffix);
    // A pair of an older authority is worth nothing.
    let authority = layout::read(&layout.at("ca.crt"))?;
    let note = format!("{subject}\n{}", String::from_utf8_lossy(&authority));
    if std::fs::read_to_string(path("for")).is_ok_and(|kept| kept == note)
        && let (Ok(cert_pem), Ok(key_pem)) = (std::fs::read_to_string(path("crt")), std::fs::read_to_string(path("key")))
    {
        return Ok(Pair { cert_pem, key_pem });
    }
    let pair = make()?;
    std::fs::remove_file(path("for")).ok();
    layout::write_private(&path("key"), pair.key_pem.as_bytes())?;
    layout::write_private(&path("crt"), pair.cert_pem.as_bytes())?;
    layout::write_private(&path("for"), note.as_bytes())?;
    Ok(pair)
}

fn random_hex() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("/dev/urandom")?;
    Ok(hex::encode(bytes))
}

fn kubeconfig(ca_pem: &str, admin: &Pair, api: SocketAddr) -> String {
    let (ca, cert, key) = (STANDARD.encode(ca_pem), STANDARD.encode(&admin.cert_pem), STANDARD.encode(&admin.key_pem));
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: skiff\n  \
           cluster:\n    \
             server: https://{api}\n    \
             certificate-authority-data: {ca}\n\
         users:\n\
         - name: skiff-admin\n  \
           user:\n    \
             client-certificate-data: {cert}\n    \
             client-key-data: {key}\n\
         contexts:\n\
         - name: skiff\n  \
           context:\n    \
             cluster: skiff\n    \
             user: skiff-admin\n\
         current-context: skiff\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_reached_on_loopback() {
        for (listens, reached) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:2", "[::1]:2"), ("10.0.0.1:3", "10.0.0.1:3")] {
            assert_eq!(listens.parse().map(reachable), reached.parse());
        }
    }

    #[test]
    fn a_kubeconfig_is_indented() {
        let pair = Pair { cert_pem: "cert".to_owned(), key_pem: "key".to_owned() };
        let text = kubeconfig("ca", &pair, SocketAddr::from(([127, 0, 0, 1], 6443)));
        assert!(text.contains("\n- name: skiff\n  cluster:\n    server: https://127.0.0.1:6443\n"), "{text}");
        assert!(text.contains("\n    client-key-data: a2V5\n"), "{text}");
    }
}
