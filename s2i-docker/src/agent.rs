//! The archive that uploads the agent into a container.

use s2i_core::archive::Writer;

/// The path of the agent in a container; the agent removes the file when it starts.
pub(crate) const PATH: &str = "/.s2i-agent";

/// Creates the archive that puts `agent` at [`PATH`]. It is not compressed, because a daemon may unpack a compressed
/// archive with a program of the image (CVE-2026-41567).
pub(crate) fn archive(agent: &[u8]) -> Vec<u8> {
    let mut archive = Writer::new(Vec::with_capacity(agent.len() + 4096), 0);
    let written = archive.file(&PATH[1..], 0o755, agent.len() as u64, &mut &agent[..]);
    written
        .and_then(|()| archive.finish())
        .expect("writing to memory can't fail")
        .0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_a_plain_tar() {
        let archive = archive(b"program");
        assert_eq!(&archive[257..262], b"ustar");
        assert_eq!(&archive[..10], b".s2i-agent");
    }
}
