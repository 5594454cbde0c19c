//! Configs of images.

use s2i_core::image::{ImageConfig, format_timestamp, parse_timestamp};

/// A config is the same after it was written and read again, in one form, so that an image that is
/// built on another one has a stable ID.
pub(crate) fn check(input: &[u8]) {
    let Ok(config) = serde_json::from_slice::<ImageConfig>(input) else {
        return;
    };
    let json = config.to_json();
    let again: ImageConfig = serde_json::from_slice(&json).expect("JSON of ours");
    assert_eq!(again, config);
    assert_eq!(again.to_json(), json);
    let time = config.created.as_deref().and_then(parse_timestamp);
    if let Some(time) = time.and_then(|time| u64::try_from(time).ok()) {
        assert_eq!(
            parse_timestamp(&format_timestamp(time)),
            time.try_into().ok()
        );
    }
}
