//! Blobs to push.

use std::{
    fmt,
    io::{self, Read},
    sync::Arc,
};

use crate::manifest::Descriptor;

/// Opens a blob at its beginning. It may be called several times, on any thread.
pub type OpenBlob = Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// A blob to push.
#[derive(Clone)]
pub struct PushBlob {
    /// The descriptor of the blob.
    pub descriptor: Descriptor,
    /// The function that opens it, called only if the registry lacks it.
    pub open: OpenBlob,
}

impl fmt::Debug for PushBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PushBlob");
        shown.field("descriptor", &self.descriptor);
        shown.finish_non_exhaustive()
    }
}
