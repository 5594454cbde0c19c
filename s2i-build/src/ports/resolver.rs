//! The port that looks images up.

use s2i_core::ImageRef;

use super::EngineError;
use crate::{context::BuildContext, facts::ImageFacts, request::PullPolicy};

/// Looks images up.
pub trait ImageResolver: Send + Sync {
    /// Finds an image, pulls it if the policy says so, and pins it by its id.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`] when it is not there and is not to be pulled, [`EngineError::Pull`] when it can't
    /// be pulled.
    fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<ImageFacts, EngineError>> + Send;
}
