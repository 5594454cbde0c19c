//! The engine without the feature `registry`: images come from archives and stay in the store.

use std::future::{Ready, ready};

use s2i_build::{
    BuildContext, EngineError,
    ports::{Operation, Pushed},
};
use s2i_core::ImageRef;
use s2i_oci::store::StoredImage;

use crate::{engine::NativeEngine, error::failed};

/// The reason why no registry can be used.
const NO_CLIENT: &str = "this program has no client for registries: it was compiled without the feature `registry` of s2i-native";

#[expect(
    clippy::unused_self,
    reason = "the methods of the engine with registries"
)]
impl NativeEngine {
    pub(crate) fn pull(
        &self,
        image: &ImageRef,
        _context: BuildContext<'_>,
    ) -> Ready<Result<StoredImage, EngineError>> {
        ready(Err(EngineError::Pull {
            image: image.clone(),
            source: NO_CLIENT.into(),
        }))
    }

    pub(crate) fn send(
        &self,
        image: &ImageRef,
        _context: BuildContext<'_>,
    ) -> Ready<Result<Pushed, EngineError>> {
        ready(Err(failed(Operation::Push, image)(NO_CLIENT)))
    }
}
