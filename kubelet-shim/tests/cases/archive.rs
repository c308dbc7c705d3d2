//! Images from an archive.

use crate::world::{self, World};
use crate::{logs, pod};
use serde_json::json;
use skiff_engine::wire::{Material, SandboxState};

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_two_layers_is_imported() {
    needs_containerd!("an_archive_of_two_layers_is_imported");
    let mut world = World::new().await;
    let archive = world.path().join("two.tar");
    write_archive(&archive, &world.path().join("image"));
    let settings = &world.settings;
    let import = || skiff_kubelet::image::import(&settings.containerd_socket, &settings.namespace, &archive, None);
    assert_eq!(import().await.unwrap(), ["localhost/two:1"]);
    assert_eq!(import().await.unwrap(), ["localhost/two:1"], "again is the same");
    world.start_agent().await;
    let mut job = pod(json!({"image": "localhost/two:1", "imagePullPolicy": "Always"}));
    job["spec"]["restartPolicy"] = json!("Never");
    world.control.template(1, job, Material::default()).await;
    let key = world.control.create(1, 1).await;
    world.control.until_state(key, SandboxState::Succeeded).await;
    assert_eq!(world.control.log(logs(key)).await.unwrap(), "second layer\n");
    world.control.gone(key).await;
    world.end().await;
}

/// An OCI archive: the test image's busybox, and above it a compressed layer with one file.
fn write_archive(path: &std::path::Path, image: &std::path::Path) {
    use sha2::{Digest, Sha256};
    use std::io::Write;
    let hash = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    let mut first = tar::Builder::new(Vec::new());
    first.append_path_with_name(image.join("bin/busybox"), "bin/busybox").unwrap();
    let first = first.into_inner().unwrap();
    let mut second = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(13);
    header.set_mode(0o644);
    second.append_data(&mut header, "file", &b"second layer\n"[..]).unwrap();
    let second = second.into_inner().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&second).unwrap();
    let packed = packed.finish().unwrap();
    let described =
        |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": format!("sha256:{}", hash(bytes)), "size": bytes.len()});
    let diff_ids = [format!("sha256:{}", hash(&first)), format!("sha256:{}", hash(&second))];
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "config": {"Entrypoint": ["/bin/busybox", "cat"], "Cmd": ["/file"]}})
    .to_string();
    let layer = "application/vnd.oci.image.layer.v1.tar";
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": kind,
        "config": described("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": [described(layer, &first), described(&format!("{layer}+gzip"), &packed)]})
    .to_string();
    let mut entry = described(kind, manifest.as_bytes());
    entry["annotations"] = json!({"io.containerd.image.name": "localhost/two:1"});
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
    let mut tar = tar::Builder::new(std::fs::File::create(path).unwrap());
    let mut put = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
    };
    put("index.json", index.as_bytes());
    for blob in [config.as_bytes(), manifest.as_bytes(), &first, &packed] {
        put(&format!("blobs/sha256/{}", hash(blob)), blob);
    }
    tar.finish().unwrap();
}
