//! The platform of a file of Go's standard library, derived from its name: `poll_linux.go`, `asm_arm64.s`.
//!
//! The files of other platforms take 7.6 MB of an image. Those that only a `//go:build` line excludes take 1.9
//! MB and are kept.

/// The operating systems in file names.
const SYSTEMS: &str = "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 \
    solaris wasip1 windows zos";

/// The processors in file names.
const PROCESSORS: &str = "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 \
    mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm";

/// Returns whether a file with this name is for Linux on `arch`, and is not a test.
pub(super) fn is_for(name: &str, arch: &str) -> bool {
    if name.ends_with("_test.go") {
        return false;
    }
    let stem = name.split('.').next().unwrap_or(name);
    let words: Vec<_> = stem.split('_').skip(1).collect();
    let is_in = |list: &str, word: &str| list.split(' ').any(|known| known == word);
    match *words.as_slice() {
        [.., system, processor] if is_in(SYSTEMS, system) && is_in(PROCESSORS, processor) => {
            system == "linux" && processor == arch
        }
        [.., last] if is_in(SYSTEMS, last) => last == "linux",
        [.., last] if is_in(PROCESSORS, last) => last == arch,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_give_the_platform() {
        for name in [
            "a.go",
            "linux.go",
            "amd64.go",
            "a_linux.go",
            "a_linux_amd64.s",
            "a_unix.go",
            "a_amd64.x.go",
        ] {
            assert!(is_for(name, "amd64"), "{name}");
        }
        for name in [
            "a_test.go",
            "a_linux_test.go",
            "a_1.2_test.go",
            "a_windows.go",
            "a_arm64.s",
            "a_linux_arm64.go",
            "a_js_wasm.go",
        ] {
            assert!(!is_for(name, "amd64"), "{name}");
        }
        assert!(is_for("a_arm64.s", "arm64"));
    }
}
