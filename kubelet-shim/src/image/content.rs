//! containerd's content store and image names: reading and writing blobs, listing images.

use super::ImageError;
use super::document::{Descriptor, INDEX_TYPES, Index, MANIFEST_TYPES, Manifest, fitting};
use crate::runtime::Containerd;
use containerd_client::services::v1::content_client::ContentClient;
use containerd_client::services::v1::images_client::ImagesClient;
use containerd_client::services::v1::{
    CreateImageRequest, GetImageRequest, Image, Info, InfoRequest, ListImagesRequest, ReadContentRequest, UpdateImageRequest,
    UpdateRequest, WriteAction, WriteContentRequest,
};
use containerd_client::tonic::{Code, Request, Status};
use prost_types::FieldMask;
use std::collections::HashMap;
use std::io::Read;

/// Largest JSON document of an image that is read, in bytes.
const DOCUMENT_BYTES_MAX: i64 = 8 << 20;
/// Bytes per message when a blob is written; gRPC's own bound is 4 MiB.
const CHUNK_BYTES: usize = 1 << 20;

/// The target of an image name; `None` if there is no such image.
pub async fn target(runtime: &Containerd, name: &str) -> Result<Option<Descriptor>, ImageError> {
    let request = runtime.request(GetImageRequest { name: name.to_owned() });
    match ImagesClient::new(runtime.channel()).get(request).await {
        Ok(answer) => Ok(answer.into_inner().image.and_then(|i| i.target).map(from_wire)),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

fn from_wire(d: containerd_client::types::Descriptor) -> Descriptor {
    Descriptor { media_type: d.media_type, digest: d.digest, size: d.size, ..Descriptor::default() }
}

pub fn to_wire(d: &Descriptor) -> containerd_client::types::Descriptor {
    containerd_client::types::Descriptor {
        media_type: d.media_type.clone(),
        digest: d.digest.clone(),
        size: d.size,
        annotations: HashMap::new(),
    }
}

/// Reads a whole document.
pub async fn read(runtime: &Containerd, digest: &str) -> Result<Vec<u8>, ImageError> {
    let request = ReadContentRequest { digest: digest.to_owned(), offset: 0, size: DOCUMENT_BYTES_MAX };
    let mut client = ContentClient::new(runtime.channel()).max_decoding_message_size(16 << 20);
    let mut stream = match client.read(runtime.request(request)).await {
        // A size beyond the end is out of range for some versions; 0 means "to the end".
        Err(status) if status.code() == Code::OutOfRange => {
            client.read(runtime.request(ReadContentRequest { digest: digest.to_owned(), offset: 0, size: 0 })).await?
        }
        other => other?,
    }
    .into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = stream.message().await? {
        bytes.extend_from_slice(&part.data);
        if bytes.len() as i64 > DOCUMENT_BYTES_MAX {
            return Err(ImageError::Unusable(format!("document {digest} is larger than {DOCUMENT_BYTES_MAX} bytes")));
        }
    }
    Ok(bytes)
}

pub fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|e| ImageError::Unusable(format!("{what} is not readable: {e}")))
}

/// The manifest for this machine below a target, which may be an index.
pub async fn manifest(runtime: &Containerd, target: &Descriptor) -> Result<Manifest, ImageError> {
    let mut at = target.clone();
    for _ in 0..3 {
        let bytes = read(runtime, &at.digest).await?;
        if MANIFEST_TYPES.contains(&at.media_type.as_str()) {
            return parse(&bytes, "manifest");
        }
        if !INDEX_TYPES.contains(&at.media_type.as_str()) {
            return Err(ImageError::Unusable(format!("media type {:?} is not an image", at.media_type)));
        }
        let index: Index = parse(&bytes, "index")?;
        at = fitting(&index)
            .cloned()
            .ok_or_else(|| ImageError::Unusable(format!("no match for platform linux/{}", super::document::architecture())))?;
    }
    Err(ImageError::Unusable("indexes are nested too deeply".to_owned()))
}

/// Writes a blob unless it is there. `lease` keeps it until something refers to it.
pub async fn write(
    runtime: &Containerd,
    lease: &str,
    descriptor: &Descriptor,
    labels: HashMap<String, String>,
    mut source: impl Read + Send + 'static,
) -> Result<(), ImageError> {
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    let reference = format!("skiff-{}", descriptor.digest);
    let (expected, total) = (descriptor.digest.clone(), descriptor.size);
    let reading = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
        let mut offset = 0i64;
        loop {
            let mut data = vec![0; CHUNK_BYTES];
            let mut count = 0;
            while count < data.len() {
                match source.read(&mut data[count..])? {
                    0 => break,
                    more => count += more,
                }
            }
            data.truncate(count);
            let last = count < CHUNK_BYTES;
            let mut message = WriteContentRequest {
                action: (if last { WriteAction::Commit } else { WriteAction::Write }).into(),
                r#ref: reference.clone(),
                total,
                expected: expected.clone(),
                offset,
                data,
                labels: HashMap::new(),
            };
            if last {
                message.labels = labels.clone();
            }
            offset += i64::try_from(count).unwrap_or(i64::MAX);
            if sender.blocking_send(message).is_err() || last {
                return Ok(());
            }
        }
    });
    let stream = futures::stream::unfold(receiver, |mut r| async { r.recv().await.map(|m| (m, r)) });
    let request = leased(runtime.request(stream), lease)?;
    let outcome = sent(runtime, request).await;
    let read = reading.await.map_err(|e| ImageError::Unusable(e.to_string()))?;
    read.map_err(|source| ImageError::File { path: descriptor.digest.clone().into(), source })?;
    match outcome {
        Err(status) if status.code() == Code::AlreadyExists => Ok(()),
        other => other.map_err(Into::into),
    }
}

async fn sent<S>(runtime: &Containerd, request: Request<S>) -> Result<(), Status>
where
    S: futures::Stream<Item = WriteContentRequest> + Send + 'static,
{
    let mut answers = ContentClient::new(runtime.channel()).write(request).await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

/// Marks a call as made under a lease.
pub fn leased<T>(mut request: Request<T>, lease: &str) -> Result<Request<T>, ImageError> {
    let value = lease.parse().map_err(|_| ImageError::Unusable(format!("not a lease id: {lease:?}")))?;
    request.metadata_mut().insert("containerd-lease", value);
    Ok(request)
}

/// Adds a label to a blob.
pub async fn label(runtime: &Containerd, digest: &str, key: &str, value: &str) -> Result<(), ImageError> {
    let mut client = ContentClient::new(runtime.channel());
    let info = client.info(runtime.request(InfoRequest { digest: digest.to_owned() })).await?.into_inner().info;
    let mut labels = info.map(|i| i.labels).unwrap_or_default();
    if labels.get(key).is_some_and(|v| v == value) {
        return Ok(());
    }
    labels.insert(key.to_owned(), value.to_owned());
    let request = UpdateRequest {
        info: Some(Info { digest: digest.to_owned(), labels, ..Info::default() }),
        update_mask: Some(FieldMask { paths: vec![format!("labels.{key}")] }),
    };
    client.update(runtime.request(request)).await?;
    Ok(())
}

/// Points a name at a target, whether or not it was known.
pub async fn name(runtime: &Containerd, name: &str, target: &Descriptor) -> Result<(), ImageError> {
    let image = Image { name: name.to_owned(), target: Some(to_wire(target)), ..Image::default() };
    let mut client = ImagesClient::new(runtime.channel());
    let create = CreateImageRequest { image: Some(image.clone()), source_date_epoch: None };
    match client.create(runtime.request(create)).await {
        Err(status) if status.code() == Code::AlreadyExists => {
            let update = UpdateImageRequest {
                image: Some(image),
                update_mask: Some(FieldMask { paths: vec!["target".to_owned()] }),
                source_date_epoch: None,
            };
            client.update(runtime.request(update)).await?;
            Ok(())
        }
        other => other.map(|_| ()).map_err(Into::into),
    }
}

/// Images and the sum of their blobs in bytes, by name.
pub async fn list_sized(runtime: &Containerd) -> Result<Vec<(String, u64)>, ImageError> {
    let mut client = ImagesClient::new(runtime.channel()).max_decoding_message_size(64 << 20);
    let images = client.list(runtime.request(ListImagesRequest::default())).await?.into_inner().images;
    let mut sized = Vec::with_capacity(images.len());
    for image in images {
        let Some(target) = image.target.map(from_wire) else { continue };
        // An image whose content is only partly here still has a name.
        let bytes = match manifest(runtime, &target).await {
            Ok(manifest) => manifest.layers.iter().map(|l| l.size).sum::<i64>() + manifest.config.size,
            Err(_) => target.size,
        };
        sized.push((image.name, u64::try_from(bytes).unwrap_or(0)));
    }
    sized.sort();
    Ok(sized)
}
