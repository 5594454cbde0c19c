//! Programs that are built already, packed and run.

use std::{
    fs::{self, File, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
};

use s2i_core::Script;

use crate::{
    image::{Image, is_thorough, sample},
    server::{Server, free_port, get},
};

/// Returns the smallest program for Linux on a processor, which ends with status 7 on x86-64.
fn program(machine: u8) -> Vec<u8> {
    let code = [0x6a, 0x3c, 0x58, 0x6a, 0x07, 0x5f, 0x0f, 0x05];
    let word = |value: u64| value.to_le_bytes();
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    file.extend([machine, 0, 1, 0, 0, 0]);
    for value in [0x40_0078, 64, 0] {
        file.extend(word(value));
    }
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    file.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    for value in [0, 0x40_0000, 0x40_0000, 128, 128, 0x1000] {
        file.extend(word(value));
    }
    file.extend(code);
    file
}

const AMD64: u8 = 62;
const ARM64: u8 = 183;

/// Returns the number and the name of this processor.
pub(crate) fn current() -> (u8, &'static str) {
    if cfg!(target_arch = "aarch64") {
        (ARM64, "arm64")
    } else {
        (AMD64, "amd64")
    }
}

impl Image {
    /// Adds a program to the source, without the right to execute it.
    pub(crate) fn binary(self, name: &str, machine: u8) -> Self {
        let path = self.path("tmp/src").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, program(machine)).unwrap();
        self
    }
}

#[track_caller]
fn check_run(image: &Image) {
    if cfg!(target_arch = "x86_64") {
        assert_eq!(image.script(Script::Run, &[]).code, Some(7));
    }
}

#[test]
fn program_for_this_processor_is_packed() {
    let (machine, arch) = current();
    let other = if machine == AMD64 { ARM64 } else { AMD64 };
    for (path, other_path) in [
        ("bin/linux_one/app".to_owned(), "bin/linux_two/app"),
        (format!("app-linux-{arch}"), "app-linux-other"),
    ] {
        let image = Image::new()
            .binary(&path, machine)
            .binary(other_path, other);
        let text = image.assemble();
        assert_eq!(image.list("app-root"), ["bin", "bin/app"], "{text}");
        assert_eq!(image.mode("app-root/bin/app"), 0o755);
        assert!(
            text.contains(&format!(" ({arch}, static, 0.0 MB)\n")),
            "{text}"
        );
        check_run(&image);
    }
    let image = Image::new().binary("app", other);
    let text = image.refuse(10);
    assert!(text.contains("\n  cause: app is a program for "), "{text}");
    assert!(text.contains("\n  try: build it for linux on "), "{text}");
}

#[test]
fn archives_of_every_format_are_unpacked() {
    let (machine, _) = current();
    let content = tempfile::tempdir().unwrap();
    fs::create_dir_all(content.path().join("app-1.0/static")).unwrap();
    let file = content.path().join("app-1.0/app");
    fs::write(&file, program(machine)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    fs::write(content.path().join("app-1.0/static/a.css"), "a").unwrap();
    for name in ["app.tar", "app.tar.gz", "app.tgz", "app.zip"] {
        let image = Image::new();
        let archive = image.path("tmp/src").join(name);
        pack(content.path(), &archive);
        image.assemble();
        assert_eq!(
            image.list("app-root"),
            [
                "bin",
                "bin/app",
                "src",
                "src/app",
                "src/static",
                "src/static/a.css"
            ],
            "{name}"
        );
        check_run(&image);
    }
    let image = Image::new();
    let packed = File::create(image.path("tmp/src/tool-linux-amd64.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    packed.write_all(&program(machine)).unwrap();
    packed.finish().unwrap();
    image.assemble();
    assert_eq!(image.list("app-root/bin"), ["tool"]);
    check_run(&image);
}

/// Packs the content of a directory, in the format of the ending of the name.
fn pack(content: &Path, archive: &Path) {
    let name = archive.to_str().unwrap();
    let ending = archive.extension().unwrap();
    if ending == "zip" {
        let mut zip = zip::ZipWriter::new(File::create(archive).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("app-1.0/app", options.unix_permissions(0o755))
            .unwrap();
        zip.write_all(&fs::read(content.join("app-1.0/app")).unwrap())
            .unwrap();
        zip.start_file("app-1.0/static/a.css", options).unwrap();
        zip.write_all(b"a").unwrap();
        zip.finish().unwrap();
        return;
    }
    let flags = if ending == "tar" { "-cf" } else { "-czf" };
    let status = Command::new("tar")
        .args([flags, name, "-C", content.to_str().unwrap(), "app-1.0"])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn archives_with_paths_that_lead_out_are_refused() {
    let image = Image::new();
    let mut zip = zip::ZipWriter::new(File::create(image.path("tmp/src/evil.zip")).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("../../evil", options).unwrap();
    zip.write_all(b"evil").unwrap();
    zip.finish().unwrap();
    let text = image.refuse(16);
    assert!(text.starts_with("assemble: `ROOT/tmp/src/evil.zip` cannot be unpacked\n  cause: `../../evil`: its path leaves the archive\n"), "{text}");

    let image = Image::new();
    let content = tempfile::tempdir().unwrap();
    fs::write(content.path().join("x"), "x").unwrap();
    let archive = image.path("tmp/src/evil.tar");
    let status = Command::new("tar")
        .args([
            "-cf",
            archive.to_str().unwrap(),
            "-C",
            content.path().to_str().unwrap(),
        ])
        .args(["--transform", "s,^x,../../evil,", "-P", "x"])
        .status();
    assert!(status.unwrap().success());
    let text = image.refuse(16);
    assert!(
        text.contains("`ROOT/tmp/src/evil.tar` cannot be unpacked\n"),
        "{text}"
    );
    fs::write(image.path("tmp/src/evil.tar.xz"), b"\xfd7zXZ\0").unwrap();
    fs::remove_file(archive).unwrap();
    let text = image.refuse(16);
    assert!(
        text.contains(
            "cause: it is packed with xz, and only tar, gzip and zip can be unpacked here\n"
        ),
        "{text}"
    );
}

#[test]
fn digests_are_checked() {
    let (machine, _) = current();
    let image = Image::new().binary("app", machine);
    let sum = Command::new("sha256sum")
        .arg(image.path("tmp/src/app"))
        .output()
        .unwrap();
    let digest = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
    let wrong = image.env("BINARY_SHA256", &"0".repeat(64));
    let text = wrong.refuse(16);
    assert!(
        text.starts_with(
            "assemble: the SHA-256 digest of `app` is not the one that BINARY_SHA256 has\n"
        ),
        "{text}"
    );
    let image = wrong.env("BINARY_SHA256", &digest);
    image.assemble();
    let image = Image::new().binary("app", machine);
    let image = image.source("SHA256SUMS", &format!("{digest} *app\n"));
    let text = image.assemble();
    assert!(
        text.contains("     verified the SHA-256 digests of 1 files\n"),
        "{text}"
    );
    assert_eq!(image.list("app-root"), ["bin", "bin/app"]);
}

#[test]
fn other_files_are_refused_with_their_kinds() {
    let page = Image::new().source("app", "<!DOCTYPE html><title>404</title>");
    let text = page.refuse(10);
    assert!(
        text.contains(
            "\n  cause: app is a page of HTML or XML\n  try: look at the page: a server sends one "
        ),
        "{text}"
    );
    let image = Image::new();
    fs::copy("/bin/ls", image.path("tmp/src/ls")).unwrap();
    // The host has the libraries that it needs.
    let text = image.assemble();
    assert!(text.contains(" libraries, 0."), "{text}");
    let image = Image::new().source("start", "#!/no/such/interpreter -x\n");
    fs::set_permissions(image.path("tmp/src/start"), Permissions::from_mode(0o755)).unwrap();
    let text = image.refuse(16);
    assert!(
        text.contains("cause: there is no /no/such/interpreter\n"),
        "{text}"
    );
}

#[test]
fn sample_answers_as_documented() {
    let Some(go) = Image::with_go() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let (_, arch) = current();
    let image = Image::new();
    for built in ["amd64", "arm64"] {
        if built != arch && !is_thorough() {
            continue;
        }
        let output = image.path(&format!("tmp/src/bin/linux_{built}/hello"));
        let status = Command::new("go")
            .args([
                "build",
                "-ldflags=-s -w",
                "-o",
                output.to_str().unwrap(),
                "main.go",
            ])
            .current_dir(sample("binary/hello"))
            .env("PATH", go.variable("PATH"))
            .env("HOME", home.path())
            .env("CGO_ENABLED", "0")
            .env("GOARCH", built)
            .env("GOFLAGS", "")
            .status();
        assert!(status.unwrap().success());
    }
    let port = free_port();
    let image = image
        .env("PORT", &port.to_string())
        .env("ARGS", "--name 'two words'");
    image.assemble();
    let mut server = Server::start(&image);
    assert!(get(port, "/hello", "").ends_with("\r\n\r\nworld"));
    assert!(get(port, "/arguments", "").ends_with(r#"["--name" "two words"]"#));
    server.stop();
}
