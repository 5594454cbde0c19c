//! What is known to be wrong with old versions of Docker, and why `s2i` is not concerned.

use super::remark;
use crate::native::Missing;

/// A flaw of all versions before one.
struct Advisory {
    fixed: &'static str,
    names: &'static str,
    what: &'static str,
    /// Why builds of s2i are not a way to use it.
    but: &'static str,
}

const ADVISORIES: [Advisory; 3] = [
    Advisory {
        fixed: "19.03.1",
        names: "CVE-2019-14271",
        what: "`docker cp` out of a container can run code of its image as root",
        but: "s2i never copies out of containers that way",
    },
    Advisory {
        fixed: "29.5.1",
        names: "CVE-2026-41567",
        what: "a compressed archive that is copied into a container is unpacked by a program of its image, as root",
        but: "s2i copies one file, uncompressed, and before the container starts",
    },
    Advisory {
        fixed: "29.5.1",
        names: "CVE-2026-41568, CVE-2026-42306",
        what: "a container can lead what is copied into it elsewhere",
        but: "s2i copies before the container starts",
    },
];

/// The flaws that this version has, unless whoever packed it has mended them.
pub(super) fn of_docker(version: &str) -> Vec<Missing> {
    let version = numbers(version);
    let concerned = |advisory: &&Advisory| version < numbers(advisory.fixed);
    let remarks = ADVISORIES.iter().filter(concerned).map(|advisory| {
        let Advisory {
            fixed,
            names,
            what,
            but,
        } = advisory;
        remark(
            format!("{names}, unless mended by who packed it: {what}; {but}"),
            Some(&format!("update Docker to {fixed} or later")),
        )
    });
    remarks.collect()
}

/// The first three numbers of a version, `20.10.24+dfsg1` for example.
fn numbers(version: &str) -> [u64; 3] {
    let mut parts = version.split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit());
        part[..end.unwrap_or(part.len())]
            .parse()
            .unwrap_or_default()
    });
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_the_flaws_of_their_time() {
        for (version, count) in [
            ("18.09.9", 3),
            ("19.03.0", 3),
            ("19.03.1", 2),
            ("20.10.24+dfsg1", 2),
            ("29.5.0", 2),
            ("29.5.1", 0),
            ("30.0.0-rc.1", 0),
        ] {
            assert_eq!(of_docker(version).len(), count, "{version}");
        }
    }
}
