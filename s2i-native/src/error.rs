//! The failures of the store, as those of the port.

use s2i_build::EngineError;
pub(crate) use s2i_build::ports::{blocking, failed};
use s2i_core::ImageRef;

/// Returns the error for an image that is not in the store.
pub(crate) fn no_such_image(image: &ImageRef) -> EngineError {
    EngineError::NoSuchImage {
        image: image.clone(),
    }
}
