//! The port that looks images up.

use s2i_core::ImageRef;

use super::EngineError;
use crate::{context::BuildContext, facts::ImageFacts, request::PullPolicy};

/// Looks images up.
pub trait ImageResolver: Send + Sync {
    /// Finds an image, pulls it as the policy requires, and pins it by its ID.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`] when it does not exist and must not be pulled, [`EngineError::Pull`] when it can't
    /// be pulled.
    fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<ImageFacts, EngineError>> + Send;
}
