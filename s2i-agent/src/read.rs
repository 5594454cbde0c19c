//! The request that streams files out as one archive.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use cap_std::fs::Dir;
use rustix::fs::OFlags;
use s2i_core::{
    Account, OpenDir,
    archive::{Keep, TreeOptions, Writer},
    ignore::Filter,
    wire::{Answer, Failure, FailureKind, Frame, Kind, OrFailure as _, ReadItem, Trailer},
};

use crate::{
    account::act,
    output::{Data, Output},
};

/// Streams the items out with the rights of `account`, which the request calls `user`.
pub(crate) fn read(
    items: &[ReadItem],
    mtime: u64,
    keep: Keep,
    user: &str,
    account: &Account,
    output: &Output,
) -> Result<Answer, Failure> {
    let operation = format_args!("can't read the artifacts as `{user}`");
    let trailer = act(account, || archive(items, mtime, keep, output)).or_failure(operation)??;
    let sent = output.frame(&Frame::json(Kind::End, &trailer));
    sent.map(|()| Answer::Read).or_failure(operation)
}

fn archive(
    items: &[ReadItem],
    mtime: u64,
    keep: Keep,
    output: &Output,
) -> Result<Trailer, Failure> {
    let data = io::BufWriter::with_capacity(256 * 1024, Data { output, bytes: 0 });
    let mut archive = Writer::new(data, mtime);
    for item in items {
        write(item, keep, &mut archive).map_err(|err| failure(item, &err))?;
    }
    let operation = "can't send the artifacts";
    let (data, written) = archive.finish().or_failure(operation)?;
    let data = data.into_inner().or_failure(operation)?;
    Ok(Trailer {
        bytes: data.bytes,
        entries: written.entries,
    })
}

fn failure(item: &ReadItem, err: &io::Error) -> Failure {
    let path = &item.path;
    let kind = match err.kind() {
        io::ErrorKind::NotFound => {
            let message = format!("there is no `{path}` to take");
            return Failure::new(FailureKind::NoArtifact, message);
        }
        io::ErrorKind::InvalidInput => FailureKind::NoArtifact,
        _ => FailureKind::Os,
    };
    Failure::new(kind, format!("can't take `{path}`: {err}"))
}

/// Writes one item: a tree or a file. A link that is an item itself is followed.
fn write<W: io::Write>(item: &ReadItem, keep: Keep, archive: &mut Writer<W>) -> io::Result<()> {
    let path = Path::new(item.path.as_str());
    // To open a pipe would wait for its other end.
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        let options = TreeOptions {
            filter: &Filter::default(),
            mtime: archive.mtime(),
            keep,
            prefix: &item.name,
        };
        let dir = OpenDir::new(Dir::from_std_file(file), path);
        return archive.tree(&dir, &options);
    }
    if !metadata.is_file() {
        let reason = "it is neither a file nor a directory";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let mode = keep.file_mode(metadata.permissions().mode());
    let time = keep.file_time(metadata.modified()?);
    archive.at_time(time.unwrap_or(archive.mtime()), |archive| {
        archive.file(&item.name, mode, metadata.len(), &mut file)
    })
}
