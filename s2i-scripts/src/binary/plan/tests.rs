//! Plans as tables: files in, the plan as text out.

use super::*;
use crate::{
    assembly::testing::{directories, render},
    binary::inspect::{Elf, Format},
    explain::Explanation,
};

fn elf(arch: &str, interpreter: &str) -> Kind {
    Kind::Elf(Elf {
        arch: arch.into(),
        is_program: interpreter != "library",
        interpreter: Some(interpreter.to_owned()).filter(|path| path.starts_with('/')),
        libraries: Vec::new(),
    })
}

/// A file by its kind: `amd64`, `arm64`, `lib`, `sh`, `page`, `data`, `jar`, `exe`.
fn entry(path: &str, kind: &str) -> Entry {
    Entry {
        path: path.into(),
        kind: match kind {
            "lib" => elf("amd64", "library"),
            "dynamic" => elf("amd64", "/lib64/ld.so"),
            "sh" => Kind::Script {
                interpreter: "/bin/sh".into(),
            },
            "page" => Kind::Page,
            "data" => Kind::Other,
            "jar" => Kind::Java,
            "exe" => Kind::Windows,
            "xz" => Kind::Archive(Format::Other("xz")),
            arch => elf(arch, ""),
        },
        is_executable: kind == "sh",
        size: 2_345_678,
        missing: match kind {
            "dynamic" => vec!["/lib64/ld.so".into(), "libssl.so.3".into()],
            _ => Vec::new(),
        },
    }
}

fn tree(name: &str, files: &[(&str, &str)]) -> Tree {
    let root = if name.is_empty() {
        "/tmp/src".to_owned()
    } else {
        "/tmp/s2i-scratch/unpacked/0".to_owned()
    };
    Tree {
        name: name.into(),
        root: root.parse().unwrap(),
        files: files.iter().map(|(path, kind)| entry(path, kind)).collect(),
    }
}

fn facts(trees: Vec<Tree>) -> Facts {
    Facts {
        arch: "amd64".into(),
        trees,
        ..Facts::default()
    }
}

fn show(facts: &Facts, request: &Request) -> String {
    match plan(facts, request, &directories()) {
        Ok(plan) => render(&plan),
        Err(err) => {
            let Explanation { cause, hints, .. } = err.explain();
            let cause = cause.unwrap_or_default();
            format!("{err} | {cause} | {}", hints.join(" / "))
        }
    }
}

#[track_caller]
fn check(files: &[(&str, &str)], names: &str, expected: &str) {
    let request = Request {
        names: names.split_whitespace().map(str::to_owned).collect(),
        ..Request::default()
    };
    assert_eq!(show(&facts(vec![tree("", files)]), &request), expected);
}

#[test]
fn single_program_is_moved() {
    check(
        &[("hello-linux-amd64", "amd64")],
        "",
        "\
program hello: hello-linux-amd64 (amd64, static, 2.3 MB)
# Installing programs
make /opt/app-root/bin
remove /opt/app-root/bin/hello
move /tmp/src/hello-linux-amd64 -> /opt/app-root/bin/hello
seal /opt/app-root/bin/hello @0",
    );
}

#[test]
fn program_for_this_processor_is_chosen() {
    let expected = "\
program app: bin/linux_amd64/app (amd64, static, 2.3 MB)
# Installing programs
make /opt/app-root/bin
remove /opt/app-root/bin/app
move /tmp/src/bin/linux_amd64/app -> /opt/app-root/bin/app
seal /opt/app-root/bin/app @0";
    let both = [
        ("bin/linux_amd64/app", "amd64"),
        ("bin/linux_arm64/app", "arm64"),
    ];
    check(&both, "", expected);
    check(&both, "app", expected);
    check(
        &[("dist/amd64", "amd64"), ("dist/arm64", "arm64")],
        "",
        &expected.replace("bin/linux_amd64/app", "dist/amd64"),
    );
}

#[test]
fn programs_with_data_are_installed_with_it() {
    check(
        &[
            ("server", "amd64"),
            ("server-arm64", "arm64"),
            ("static/a.css", "data"),
            ("SHA256SUMS", "data"),
        ],
        "",
        "\
program server: server (amd64, static, 2.3 MB)
# Installing programs
make /opt/app-root/bin
remove /tmp/src/server-arm64
remove /tmp/src/SHA256SUMS
install /tmp/src/* -> /opt/app-root/src
link /opt/app-root/bin/server -> ../src/server
seal /opt/app-root/bin/server @0
share /opt/app-root/src",
    );
}

#[test]
fn archives_have_their_own_trees() {
    let facts = facts(vec![
        tree("", &[]),
        tree(
            "app_linux_amd64.tar.gz",
            &[("app", "amd64"), ("README.md", "data")],
        ),
        tree(
            "app_linux_arm64.tar.gz",
            &[("app", "arm64"), ("README.md", "data")],
        ),
    ]);
    assert_eq!(
        show(&facts, &Request::default()),
        "\
program app: app of app_linux_amd64.tar.gz (amd64, static, 2.3 MB)
# Installing programs
make /opt/app-root/bin
install /tmp/src/* -> /opt/app-root/src
install /tmp/s2i-scratch/unpacked/0/* -> /opt/app-root/src
remove /opt/app-root/src/app_linux_amd64.tar.gz
remove /opt/app-root/src/app_linux_arm64.tar.gz
link /opt/app-root/bin/app -> ../src/app
seal /opt/app-root/bin/app @0
share /opt/app-root/src"
    );
}

#[test]
fn scripts_are_packed_where_there_is_no_program() {
    let text = show(
        &facts(vec![tree("", &[("start.sh", "sh")])]),
        &Request::default(),
    );
    assert!(
        text.starts_with("program start.sh: start.sh (a script for /bin/sh, 2.3 MB)\n"),
        "{text}"
    );
    let text = show(
        &facts(vec![tree("", &[("start.sh", "sh"), ("app", "amd64")])]),
        &Request::default(),
    );
    assert!(text.starts_with("program app: app (amd64"), "{text}");
}

#[test]
fn errors_have_causes_and_hints() {
    let none = "there is no program in the source that this image can start";
    check(
        &[],
        "",
        &format!(
            "{none} | there is no file in it | give a program for linux on amd64; a source to build needs another builder image"
        ),
    );
    check(
        &[("app", "page")],
        "",
        &format!(
            "{none} | app is a page of HTML or XML | look at the page: a server sends one when it does not have the file that was asked for, or wants a login first"
        ),
    );
    check(
        &[("app", "arm64"), ("app.exe", "exe")],
        "",
        &format!(
            "{none} | app is a program for arm64, app.exe is a program for Windows | build it for linux on amd64, or use the image for its processor"
        ),
    );
    check(
        &[("a.jar", "jar")],
        "",
        &format!("{none} | a.jar is a program for Java | use a builder image that has Java"),
    );
    check(
        &[("app", "dynamic")],
        "",
        "`app` needs files that this image does not have | there is no /lib64/ld.so, no libssl.so.3 | \
         link it statically: `CGO_ENABLED=0 go build`, `cargo build --target x86_64-unknown-linux-musl`, `cc -static` / \
         or use an image that has these libraries, and the s2i scripts in it",
    );
    check(
        &[("a/app", "amd64"), ("b/app", "amd64")],
        "",
        "several programs would be called `app` | found a/app, b/app | choose with BINARY, for example `-e BINARY=a/app`",
    );
    check(
        &[("app", "arm64")],
        "app",
        "`app` is a program for arm64, and this image cannot start it | this image is for linux on amd64 | build it for linux on amd64",
    );
    check(
        &[("app", "amd64")],
        "other",
        "BINARY names `other`, which is not a file of the source | there are app | choose with BINARY, for example `-e BINARY=app`",
    );
}

#[test]
fn directory_with_an_index_is_a_site() {
    let text = show(
        &facts(vec![tree("", &[("index.html", "page"), ("a.css", "data")])]),
        &Request::default(),
    );
    assert_eq!(
        text,
        "there is no program, and an index.html: it is a site, which `run` serves\n\
         # Installing site\ninstall /tmp/src/* -> /opt/app-root/src\nshare /opt/app-root/src"
    );
}

#[test]
fn wrong_digest_is_an_error() {
    let mut facts = facts(vec![tree("", &[("app", "amd64")])]);
    let (good, bad) = ("a".repeat(64), "b".repeat(64));
    facts.digests.insert("app".into(), good.clone());
    let request = |digest: &str| Request {
        digest: Some(digest.to_owned()),
        ..Request::default()
    };
    let text = show(&facts, &request(&good));
    assert!(
        text.starts_with("verified the SHA-256 digests of 1 files\n"),
        "{text}"
    );
    let text = show(&facts, &request(&bad));
    assert!(
        text.starts_with(
            "the SHA-256 digest of `app` is not the one that BINARY_SHA256 has | it is aaaa"
        ),
        "{text}"
    );
    facts.sums.insert("app".into(), bad);
    let text = show(&facts, &Request::default());
    assert!(
        text.starts_with("the SHA-256 digest of `app` is not the one that SHA256SUMS has"),
        "{text}"
    );
    facts.sums.clear();
    facts.sums.insert("none".into(), good.clone());
    let text = show(&facts, &Request::default());
    assert!(
        text.starts_with("SHA256SUMS has a digest for `none`, which is not in the source"),
        "{text}"
    );
    facts.sums.clear();
    facts.digests.insert("other".into(), good.clone());
    let text = show(&facts, &request(&good));
    assert!(
        text.starts_with("BINARY_SHA256 is the digest of one file, and the source has 2"),
        "{text}"
    );
}
