//! Processors, and parts of the names of files and directories that are about a system.

/// The processors, by their names in Go and OCI, with the other names that they have.
const PROCESSORS: [(&str, &[&str]); 8] = [
    ("amd64", &["amd64", "x86_64", "x86-64", "x64"]),
    ("arm64", &["arm64", "aarch64", "armv8"]),
    (
        "arm",
        &[
            "arm", "armv5", "armv6", "armv6l", "armv7", "armv7l", "armhf",
        ],
    ),
    ("386", &["386", "i386", "i686", "x86"]),
    ("ppc64le", &["ppc64le", "powerpc64le"]),
    ("s390x", &["s390x"]),
    ("riscv64", &["riscv64", "riscv64gc"]),
    ("loong64", &["loong64", "loongarch64"]),
];

/// Parts of names about the system, beside those about the processor.
const OTHERS: [&str; 13] = [
    "linux",
    "linux64",
    "unknown",
    "gnu",
    "musl",
    "static",
    "v1",
    "v2",
    "v3",
    "v4",
    "v8.0",
    "gnueabihf",
    "musleabihf",
];

/// Returns the processor of this image, by its name in Go and OCI.
pub(crate) fn current() -> &'static str {
    by_name(std::env::consts::ARCH).unwrap_or(std::env::consts::ARCH)
}

fn by_name(name: &str) -> Option<&'static str> {
    let mut processors = PROCESSORS.iter();
    let found = processors.find(|(_, names)| names.contains(&name));
    found.map(|(arch, _)| *arch)
}

/// Returns a name without the parts about the system at its end: `shop-linux-arm64` is `shop`. A name that
/// has nothing else stays.
pub(crate) fn program_name(name: &str) -> &str {
    let mut rest = name;
    while let Some(at) = last_part(rest).filter(|at| *at > 0) {
        rest = &rest[..at];
    }
    rest
}

/// Returns whether a name has only parts about a system.
pub(crate) fn is_platform(name: &str) -> bool {
    // With a separator before it, all of it can go.
    let full = format!("-{name}");
    let mut rest = full.as_str();
    while let Some(at) = last_part(rest) {
        rest = &rest[..at];
    }
    rest.is_empty()
}

/// Returns the start of the last part, with its separator, if it is one about the system.
fn last_part(name: &str) -> Option<usize> {
    let separators = name.rmatch_indices(['-', '_', '.']).map(|(at, _)| at);
    let is_part = |at: &usize| {
        let part = name[at + 1..].to_ascii_lowercase();
        by_name(&part).is_some() || OTHERS.contains(&part.as_str())
    };
    // `x86_64` and `v8.0` have a separator in them, so the longest part counts.
    separators.take(2).filter(is_part).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_the_system_and_keep_the_rest() {
        for (name, expected) in [
            ("app", "app"),
            ("app-linux-arm64", "app"),
            ("app_linux_amd64", "app"),
            ("app_Linux_x86_64", "app"),
            ("app.linux-amd64", "app"),
            ("app-aarch64-unknown-linux-gnu", "app"),
            ("app_linux_arm64_v8.0", "app"),
            ("my-app-1.2.3-linux-amd64", "my-app-1.2.3"),
            ("amd64", "amd64"),
            ("-linux", "-linux"),
            ("app-static-server", "app-static-server"),
            ("arm-tool", "arm-tool"),
        ] {
            assert_eq!(program_name(name), expected, "{name}");
        }
    }

    #[test]
    fn directories_of_a_platform_are_recognised() {
        for (name, expected) in [
            ("linux_amd64", true),
            ("linux-arm64", true),
            ("amd64", true),
            ("x86_64-unknown-linux-musl", true),
            ("linux", true),
            ("bin", false),
            ("app-amd64", false),
            ("", false),
        ] {
            assert_eq!(is_platform(name), expected, "{name}");
        }
        assert_eq!(by_name("x86_64"), Some("amd64"));
    }
}
