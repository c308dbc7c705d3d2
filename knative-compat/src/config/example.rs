//! The guard around `_example`: a map whose example no longer fits its annotated checksum was edited in the wrong place.

use super::{ConfigError, Data};

const WRONG_PLACE: &str = "the update modifies a key in \"_example\" which is probably not what you want. Instead, copy the \
respective setting to the top-level of the ConfigMap, directly below \"data\"";

/// Refuses a map whose example and checksum disagree.
pub(super) fn check(data: &Data, checksum: Option<&str>) -> Result<(), ConfigError> {
    match (data.get("_example"), checksum) {
        (Some(text), Some(sum)) if format!("{:08x}", crc32(text.trim().as_bytes())) != sum => {
            Err(ConfigError(WRONG_PLACE.into()))
        }
        _ => Ok(()),
    }
}

/// CRC-32 (IEEE), bit by bit: config maps are small and rarely written.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn crc_of_the_usual_vector() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
    }
}
