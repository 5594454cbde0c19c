//! The port to the results of earlier builds.

use s2i_core::ImageRef;

use super::{Committed, EngineError};

/// Keeps the results of builds by the [keys](crate::plan::BuildPlan::key) of their plans. An engine without a cache
/// uses the default methods, and builds every time.
pub trait BuildCache: Send + Sync {
    /// Returns the image of this key, if it still exists, and gives it this name.
    ///
    /// # Errors
    /// The image exists and can't get the name.
    fn get(
        &self,
        key: &str,
        name: Option<&ImageRef>,
    ) -> impl Future<Output = Result<Option<Committed>, EngineError>> + Send {
        let _ = (key, name);
        std::future::ready(Ok(None))
    }

    /// Keeps the image of this key. A failure only costs the time of the next build, so it is not an error.
    fn put(&self, key: &str, image: &Committed) -> impl Future<Output = ()> + Send {
        let _ = (key, image);
        std::future::ready(())
    }
}
