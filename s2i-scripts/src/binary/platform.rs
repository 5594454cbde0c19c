//! Processors, and names of files and directories with parts about a system.

/// The processor of this image, as Go and OCI call it.
#[must_use]
pub fn ours() -> &'static str {
    by_name(std::env::consts::ARCH).unwrap_or(std::env::consts::ARCH)
}

/// Returns the processor that a name means.
fn by_name(name: &str) -> Option<&'static str> {
    let names: &[(&'static str, &[&str])] = &[
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
    let found = names.iter().find(|(_, names)| names.contains(&name));
    found.map(|(arch, _)| *arch)
}

/// Parts of names about the system, beside those about the processor.
const OTHERS: &[&str] = &[
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

/// Returns a name without the parts about the system at its end: `shop-linux-arm64` is `shop`. A name that
/// has nothing else stays.
///
/// ```
/// use s2i_scripts::binary::platform::program_name;
///
/// assert_eq!(program_name("shop_linux_amd64_v1"), "shop");
/// assert_eq!(program_name("shop-x86_64-unknown-linux-musl"), "shop");
/// assert_eq!(program_name("linux"), "linux");
/// ```
#[must_use]
pub fn program_name(name: &str) -> &str {
    let mut rest = name;
    while let Some(shorter) = strip(rest) {
        rest = shorter;
    }
    rest
}

/// Returns whether a directory's name has nothing but the system that its content is for.
#[must_use]
pub fn is_platform(name: &str) -> bool {
    // With a word before it, all of it can go.
    let name = format!("-{name}");
    let mut rest = name.as_str();
    let mut says = false;
    while let Some(at) = end_of(rest) {
        says = true;
        rest = &rest[..at];
    }
    says && rest.is_empty()
}

fn strip(name: &str) -> Option<&str> {
    let at = end_of(name).filter(|at| *at > 0)?;
    Some(&name[..at])
}

/// Returns the start of the last part, with its separator, if it is one about the system.
fn end_of(name: &str) -> Option<usize> {
    // `x86_64` and `v8.0` have a separator in them.
    let mut starts: Vec<_> = name
        .char_indices()
        .filter(|(_, c)| matches!(c, '-' | '_' | '.'))
        .map(|(at, _)| at)
        .collect();
    starts.reverse();
    let is_part = |part: &str| {
        let part = part.to_ascii_lowercase();
        by_name(&part).is_some() || OTHERS.contains(&part.as_str())
    };
    let longest = starts.iter().take(2).rev();
    longest.copied().find(|at| is_part(&name[at + 1..]))
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
    fn directories_of_a_platform_are_known() {
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
