//! Go's build constraints: for which platforms a file is.
//!
//! A file's name (`poll_linux.go`, `asm_arm64.s`) and its `//go:build` line decide. Tags that the user
//! of a toolchain chooses later (`-tags`, `GOEXPERIMENT`, `GOAMD64`) are open, so the answer has three
//! values, and a file stays unless it can't be built whatever the user chooses.

use anyhow::{Result, bail};

/// Operating systems that file names and tags can mean.
const SYSTEMS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];

/// Processors that file names and tags can mean.
const PROCESSORS: &[&str] = &[
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

/// What is never so in our images: there is no C compiler, and nothing is bootstrapped.
const NEVER: &[&str] = &[
    "asan",
    "boringcrypto",
    "cgo",
    "cmd_go_bootstrap",
    "compiler_bootstrap",
    "gccgo",
    "goexperiment.boringcrypto",
    "ignore",
    "msan",
    "race",
];

/// Whether something holds for every choice of the user, for none, or for some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    No,
    Open,
    Yes,
}

impl From<bool> for Truth {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Whether `tag` holds on Linux on `arch`.
fn tag(tag: &str, arch: &str) -> Truth {
    match tag {
        "linux" | "unix" | "gc" => Truth::Yes,
        _ if tag == arch || tag.starts_with("go1.") => Truth::Yes,
        _ if SYSTEMS.contains(&tag) || PROCESSORS.contains(&tag) || NEVER.contains(&tag) => {
            Truth::No
        }
        _ => Truth::Open,
    }
}

/// Whether a file with this name is for Linux on `arch`, and no test.
pub(super) fn file_name(name: &str, arch: &str) -> bool {
    if name.ends_with("_test.go") {
        return false;
    }
    let stem = name.split('.').next().unwrap_or(name);
    let words: Vec<_> = stem.split('_').skip(1).collect();
    match *words.as_slice() {
        [.., system, processor] if SYSTEMS.contains(&system) && PROCESSORS.contains(&processor) => {
            system == "linux" && processor == arch
        }
        [.., last] if SYSTEMS.contains(&last) => last == "linux",
        [.., last] if PROCESSORS.contains(&last) => last == arch,
        _ => true,
    }
}

/// Whether the `//go:build` line of a file's `text`, where it has one, may hold on Linux on `arch`.
///
/// The line counts only above the code: comments, empty lines and other such lines may stand before it.
pub(super) fn source(text: &str, arch: &str) -> Result<Truth> {
    let mut in_comment = false;
    for line in text.lines().map(str::trim) {
        if in_comment {
            in_comment = !line.contains("*/");
        } else if let Some(expression) = line.strip_prefix("//go:build ") {
            return expression_holds(expression, arch);
        } else if line.starts_with("/*") {
            in_comment = !line.contains("*/");
        } else if !line.is_empty() && !line.starts_with("//") {
            break;
        }
    }
    Ok(Truth::Yes)
}

fn expression_holds(text: &str, arch: &str) -> Result<Truth> {
    let mut parser = Parser {
        rest: text.trim(),
        arch,
    };
    let truth = parser.or()?;
    if !parser.rest.is_empty() {
        bail!(
            "can't read the build constraint `{text}` from `{}` on",
            parser.rest
        );
    }
    Ok(truth)
}

struct Parser<'a> {
    rest: &'a str,
    arch: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn or(&mut self) -> Result<Truth> {
        let mut truth = self.and()?;
        while self.eat("||") {
            truth = truth.max(self.and()?);
        }
        Ok(truth)
    }

    fn and(&mut self) -> Result<Truth> {
        let mut truth = self.not()?;
        while self.eat("&&") {
            truth = truth.min(self.not()?);
        }
        Ok(truth)
    }

    fn not(&mut self) -> Result<Truth> {
        if self.eat("!") {
            return Ok(match self.not()? {
                Truth::No => Truth::Yes,
                Truth::Open => Truth::Open,
                Truth::Yes => Truth::No,
            });
        }
        if self.eat("(") {
            let truth = self.or()?;
            if !self.eat(")") {
                bail!(
                    "a `)` is missing in a build constraint before `{}`",
                    self.rest
                );
            }
            return Ok(truth);
        }
        let is_tag = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let (name, rest) = self
            .rest
            .split_at(self.rest.find(|c| !is_tag(c)).unwrap_or(self.rest.len()));
        if name.is_empty() {
            bail!("a tag is missing in a build constraint before `{rest}`");
        }
        self.rest = rest.trim_start();
        Ok(tag(name, self.arch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in [
            "a.go",
            "linux.go",
            "amd64.go",
            "a_linux.go",
            "a_linux_amd64.s",
            "a_unix.go",
            "a_amd64.x.go",
        ] {
            assert!(file_name(name, "amd64"), "{name}");
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
            assert!(!file_name(name, "amd64"), "{name}");
        }
        assert!(file_name("a_arm64.s", "arm64"));
    }

    #[track_caller]
    fn check(expression: &str, expected: Truth) {
        assert_eq!(
            expression_holds(expression, "amd64").unwrap(),
            expected,
            "{expression}"
        );
    }

    #[test]
    fn expressions() {
        check("linux", Truth::Yes);
        check("!linux || windows", Truth::No);
        check("(linux && amd64) || darwin", Truth::Yes);
        check("linux && !cgo", Truth::Yes);
        check("unix && cgo", Truth::No);
        check("goexperiment.simd && amd64", Truth::Open);
        check("!purego", Truth::Open);
        check("!purego && arm64", Truth::No);
        check("go1.21 && !(race || msan)", Truth::Yes);
        for wrong in ["", "a b", "(a", "a ||", "&& a"] {
            assert!(expression_holds(wrong, "amd64").is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_above_the_code() {
        let at = |text| source(text, "amd64").unwrap();
        assert_eq!(
            at("// Copyright\n\n/* long\n*/\n//go:build windows\n\npackage a\n"),
            Truth::No
        );
        assert_eq!(at("package a\n\n//go:build windows\n"), Truth::Yes);
        assert_eq!(at("/* one line */\n// x\n\npackage a\n"), Truth::Yes);
    }
}
