//! Helpers of all tests.

/// Returns whether a test must be skipped because only root can make the files of a layer, and prints that.
pub(crate) fn is_skipped() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("SKIPPED: only root can make the files of a layer");
    }
    !is_root
}

/// An error with its causes.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    s2i_core::ErrorChain(err).to_string()
}
