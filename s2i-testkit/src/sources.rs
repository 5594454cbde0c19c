//! Sample sources for tests of the detection by the command and by the images.

use std::{fs, io, path::Path};

/// The samples: sources and their possible kinds.
///
/// A source is a list of entries of its root directory, as [`write_source`] takes it. The kinds are in order
/// of precedence, each with the entry that shows it: `Go go.mod, Node package.json`.
pub const SOURCES: &[(&str, &str)] = &[
    ("go.mod main.go", "Go go.mod"),
    ("go.mod go.work", "Go go.work"),
    ("README.md main.go", "Go main.go"),
    ("main_test.go", ""),
    ("main.go/ go.mod/", ""),
    ("Gopkg.toml cmd/", "Go Gopkg.toml"),
    (
        "glide.yaml package.json",
        "Go glide.yaml, Node package.json",
    ),
    ("Godeps/ cmd/", "Go Godeps"),
    ("Godeps vendor/", ""),
    ("main.go vendor/", "Go main.go"),
    ("package.json index.js", "Node package.json"),
    ("go.mod package.json", "Go go.mod, Node package.json"),
    ("app.js server.js", "Node server.js"),
    ("main.mjs", "Node main.mjs"),
    ("jquery.js", ""),
    ("index.html", "Binary index.html"),
    ("index.html main.js index.mjs", "Binary index.html"),
    (
        "index.html server.cjs",
        "Node server.cjs, Binary index.html",
    ),
    (
        "index.html package.json",
        "Node package.json, Binary index.html",
    ),
    ("app=elf README.md", "Binary app"),
    ("app=big-elf", "Binary app"),
    ("a.o=object b=cut-elf libc.so.6=elf x.so=elf", ""),
    ("app.tar.gz=gzip", "Binary app.tar.gz"),
    ("app.TGZ=gzip", "Binary app.TGZ"),
    ("app.gz=gzip", "Binary app.gz"),
    ("app.zip=zip", "Binary app.zip"),
    ("app.tar=tar", "Binary app.tar"),
    ("app.jar=zip app=gzip x.zip", ""),
    ("a.zip=zip index.html z=elf", "Binary z"),
    ("README.md pom.xml", ""),
    ("", ""),
];

/// Writes a source from the words for its entries: `NAME`, `NAME/` for a directory, `NAME=elf` and so on for a
/// file that begins as one of that format does.
///
/// # Errors
/// Errors of the file system.
pub fn write_source(root: &Path, entries: &str) -> io::Result<()> {
    for entry in entries.split_whitespace() {
        if let Some(name) = entry.strip_suffix('/') {
            fs::create_dir(root.join(name))?;
        } else {
            let (name, format) = entry.split_once('=').unwrap_or((entry, "text"));
            fs::write(root.join(name), content(format))?;
        }
    }
    Ok(())
}

fn content(format: &str) -> Vec<u8> {
    let elf = |order, kind: [u8; 2]| {
        let mut head = vec![0x7f, b'E', b'L', b'F', 2, order];
        head.resize(16, 0);
        head.extend(kind);
        head
    };
    match format {
        "elf" => elf(1, [3, 0]),
        "big-elf" => elf(2, [0, 2]),
        "object" => elf(1, [1, 0]),
        "cut-elf" => elf(1, [2, 0])[..17].to_vec(),
        "gzip" => vec![0x1f, 0x8b, 8],
        "zip" => b"PK\x03\x04".to_vec(),
        "tar" => [&[0; 257][..], b"ustar\x0000"].concat(),
        text => text.as_bytes().to_vec(),
    }
}
