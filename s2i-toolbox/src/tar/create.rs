//! Writing an archive.

use std::{
    fs::{self, File, Metadata},
    io::{self, BufWriter, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Component, Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use s2i_core::archive::Writer;

use super::{arguments::Arguments, chain, tell};

/// Writes it. The error is a text.
pub(super) fn run(args: &Arguments) -> Result<(), String> {
    if args.operands.is_empty() {
        return Err("there is nothing to archive".into());
    }
    let mut itself = None;
    let out: Box<dyn Write> = match &args.file {
        Some(path) => {
            let file = File::create(path).and_then(|file| {
                itself = Some(identity(&file.metadata()?));
                Ok(file)
            });
            let file = file.map_err(|err| format!("can't write `{}`: {err}", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(io::stdout().lock()),
    };
    let failed = |err: io::Error| chain(&err);
    if args.is_gzip {
        let out = write(GzEncoder::new(out, Compression::default()), args, itself);
        out?.finish()
            .and_then(|mut out| out.flush())
            .map_err(failed)
    } else {
        write(out, args, itself)?.flush().map_err(failed)
    }
}

/// What tells one file from all others.
fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

fn write<W: Write>(out: W, args: &Arguments, itself: Option<(u64, u64)>) -> Result<W, String> {
    let mut walk = Walk {
        writer: Writer::new(out, 0),
        args,
        itself,
        is_shortened: false,
    };
    for (directory, name) in &args.operands {
        let stored = stored_name(name);
        if stored.as_os_str().len() < name.trim_end_matches('/').len() && !walk.is_shortened {
            tell("what leads out of the directory is taken off the names");
            walk.is_shortened = true;
        }
        walk.add(&directory.join(name), &stored)?;
    }
    let (out, _) = walk.writer.finish().map_err(|err| chain(&err))?;
    Ok(out)
}

/// The name without what leads out of the directory that an archive is unpacked in.
fn stored_name(name: &str) -> PathBuf {
    let mut stored = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => stored.clear(),
            Component::CurDir | Component::Normal(_) => stored.push(component),
        }
    }
    stored
}

struct Walk<'a, W: Write> {
    writer: Writer<W>,
    args: &'a Arguments,
    /// The archive, which is not in itself.
    itself: Option<(u64, u64)>,
    is_shortened: bool,
}

impl<W: Write> Walk<'_, W> {
    /// Adds what is at `path`, and all that is below it, as `name`.
    fn add(&mut self, path: &Path, name: &Path) -> Result<(), String> {
        let bytes = name.as_os_str().as_bytes();
        if self.args.exclude.matches(bytes) {
            return Ok(());
        }
        let failed = |err: io::Error| format!("`{}`: {}", path.display(), chain(&err));
        let meta = if self.args.follows_links {
            fs::metadata(path)
        } else {
            fs::symlink_metadata(path)
        };
        let meta = meta.map_err(failed)?;
        if self.itself == Some(identity(&meta)) {
            tell(&format!(
                "`{}` is the archive and not put into it",
                path.display()
            ));
            return Ok(());
        }
        self.describe(&meta);
        if meta.is_dir() {
            // An archive has no entry for the directory that it is unpacked in.
            if name.components().any(|part| part != Component::CurDir) {
                self.tell_name(bytes);
                self.writer.directory(bytes, meta.mode()).map_err(failed)?;
            }
            return self.add_below(path, name);
        }
        self.tell_name(bytes);
        if meta.is_symlink() {
            let target = fs::read_link(path).map_err(failed)?;
            let target = target.as_os_str().as_bytes();
            return self.writer.symlink(bytes, target).map_err(failed);
        }
        if meta.file_type().is_socket() {
            tell(&format!("`{}` is a socket and left out", path.display()));
            return Ok(());
        }
        if !meta.is_file() {
            return Err(format!("`{}` is a device or a FIFO", path.display()));
        }
        let mut file = File::open(path).map_err(failed)?;
        self.writer
            .file(bytes, meta.mode(), meta.len(), &mut file)
            .map_err(failed)
    }

    fn add_below(&mut self, path: &Path, name: &Path) -> Result<(), String> {
        let failed = |err: io::Error| format!("`{}`: {err}", path.display());
        let entries = fs::read_dir(path).map_err(failed)?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
        let mut names = names.collect::<io::Result<Vec<_>>>().map_err(failed)?;
        names.sort_unstable();
        for below in names {
            self.add(&path.join(&below), &name.join(&below))?;
        }
        Ok(())
    }

    fn describe(&mut self, meta: &Metadata) {
        let args = self.args;
        let owner = args.owner.unwrap_or(meta.uid());
        let group = args.group.unwrap_or(meta.gid());
        // Times before 1970 can't be told.
        let mtime = u64::try_from(meta.mtime()).unwrap_or(0);
        let mtime = args.mtime.unwrap_or(mtime);
        self.writer.set_owner_and_time((owner, group), mtime);
    }

    /// Where the archive is standard output, names go to standard error.
    fn tell_name(&self, name: &[u8]) {
        if !self.args.is_verbose {
            return;
        }
        let line = [name, b"\n"].concat();
        // Who does not read the names any more still wants the archive.
        let _ = match self.args.file {
            Some(_) => io::stdout().write_all(&line),
            None => io::stderr().write_all(&line),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        for (name, stored) in [
            ("a/b/", "a/b"),
            ("./a", "./a"),
            (".", "."),
            ("/a/b", "a/b"),
            ("../a", "a"),
            ("a/../b", "b"),
            ("/", ""),
        ] {
            assert_eq!(stored_name(name), Path::new(stored), "{name}");
        }
    }
}
