//! The source trees for the builds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The dimensions of a tree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    directories: usize,
    files: usize,
    /// The sizes in bytes of the files in a directory, used in turn.
    sizes: &'static [usize],
}

/// One small file.
pub(crate) const TRIVIAL: Shape = Shape {
    directories: 1,
    files: 1,
    sizes: &[20],
};

/// 20,000 files, 400 MB.
pub(crate) const LARGE: Shape = Shape {
    directories: 200,
    files: 100,
    sizes: &[2_000, 8_000, 20_000, 50_000],
};

/// Creates a tree with instructions for the builder.
pub(crate) fn instructions(dir: &Path, name: &str, lines: &str) -> Result<PathBuf> {
    let root = dir.join(format!("source-{name}"));
    let file = root.join("instructions");
    fs::create_dir_all(&root)
        .and_then(|()| fs::write(&file, lines))
        .with_context(|| format!("can't write {}", file.display()))?;
    Ok(root)
}

/// Creates the tree below `dir`, once, always with the same bytes.
pub(crate) fn make(dir: &Path, shape: &Shape) -> Result<PathBuf> {
    let root = dir.join(format!("source-{}-{}", shape.directories, shape.files));
    if root.is_dir() {
        return Ok(root);
    }
    let unfinished = root.with_extension("new");
    let _ = fs::remove_dir_all(&unfinished);
    let mut noise = Noise(1);
    for directory in 0..shape.directories {
        let path = unfinished.join(format!("d{directory:03}"));
        fs::create_dir_all(&path).with_context(|| format!("can't make {}", path.display()))?;
        for file in 0..shape.files {
            let size = shape.sizes[file % shape.sizes.len()];
            let file = path.join(format!("f{file:03}"));
            fs::write(&file, noise.bytes(size))
                .with_context(|| format!("can't write {}", file.display()))?;
        }
    }
    fs::rename(&unfinished, &root).with_context(|| format!("can't make {}", root.display()))?;
    Ok(root)
}

/// A xorshift generator of bytes that can't be compressed.
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            bytes.extend_from_slice(&self.0.to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
