fn main() -> anyhow::Result<()> {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).unwrap_or("/tmp/sk".into()));
    let addr: std::net::SocketAddr = std::env::args().nth(2).unwrap_or("127.0.0.1:16443".into()).parse()?;
    std::fs::create_dir_all(dir.join("pki"))?;
    if !dir.join("ca.crt").exists() {
        let ca = skiff_access::Ca::create().unwrap();
        std::fs::write(dir.join("ca.crt"), ca.pem())?;
        let s = ca.serving(&["localhost".into()], &["127.0.0.1".parse()?]).unwrap();
        std::fs::write(dir.join("pki/apiserver.crt"), s.cert_pem)?;
        std::fs::write(dir.join("pki/apiserver.key"), s.key_pem)?;
        std::fs::write(dir.join("admin.token"), "tok")?;
    }
    let rt = tokio::runtime::Runtime::new()?;
    rt.block_on(skiff_apiserver::run(
        skiff_apiserver::Settings { data_dir: dir, api_address: addr, domain: "localhost".into() },
        std::future::pending(),
    ))
}
