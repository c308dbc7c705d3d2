//! `skiff certificate`: a pair for a part that runs elsewhere.

use crate::args::{Certificate, CertificateOf};
use crate::identity;
use crate::layout::{self, Layout};

/// Writes the files and says where.
pub fn run(args: Certificate) -> anyhow::Result<()> {
    let ca = identity::existing_authority(&Layout::find(&args.data_dir)?)?;
    let pair = match args.of {
        CertificateOf::Node => identity::sign_node(&ca, &args.name),
        CertificateOf::Gateway => identity::sign_gateway(&ca, &args.name),
        CertificateOf::Admin => identity::sign_admin(&ca, &args.name),
    }?;
    layout::private_dir(&args.out)?;
    for (name, text) in [("ca.crt", ca.pem()), ("tls.key", &pair.key_pem), ("tls.crt", &pair.cert_pem)] {
        let path = args.out.join(name);
        layout::write_private(&path, text.as_bytes())?;
        println!("{}", path.display());
    }
    Ok(())
}
