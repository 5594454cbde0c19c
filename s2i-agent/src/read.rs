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
    archive::{TreeOptions, Writer},
    ignore::Filter,
    wire::{Answer, Failure, FailureKind, Frame, Kind, ReadItem, Trailer},
};

use crate::{
    account::act,
    output::{Data, Output},
};

/// Streams the items out with the rights of `account`, which the request calls `user`.
pub(crate) fn read(
    items: &[ReadItem],
    mtime: u64,
    user: &str,
    account: &Account,
    output: &Output,
) -> Result<Answer, Failure> {
    let os = |err: io::Error| Failure {
        kind: FailureKind::Os,
        message: format!("can't read the artifacts as `{user}`: {err}"),
    };
    let trailer = act(account, || archive(items, mtime, output)).map_err(os)??;
    output
        .frame(&Frame::json(Kind::End, &trailer))
        .map_err(os)?;
    Ok(Answer::Read)
}

fn archive(items: &[ReadItem], mtime: u64, output: &Output) -> Result<Trailer, Failure> {
    let data = io::BufWriter::with_capacity(256 * 1024, Data { output, bytes: 0 });
    let mut archive = Writer::new(data, mtime);
    for item in items {
        write(item, mtime, &mut archive).map_err(|err| failure(item, &err))?;
    }
    let (data, written) = archive.finish().map_err(|err| os(&err))?;
    let data = data.into_inner().map_err(|err| os(err.error()))?;
    Ok(Trailer {
        bytes: data.bytes,
        entries: written.entries,
    })
}

fn failure(item: &ReadItem, err: &io::Error) -> Failure {
    let path = &item.path;
    match err.kind() {
        io::ErrorKind::NotFound => Failure {
            kind: FailureKind::NoArtifact,
            message: format!("there is no `{path}` to take"),
        },
        io::ErrorKind::InvalidInput => Failure {
            kind: FailureKind::NoArtifact,
            message: format!("can't take `{path}`: {err}"),
        },
        _ => Failure {
            kind: FailureKind::Os,
            message: format!("can't take `{path}`: {err}"),
        },
    }
}

fn os(err: &io::Error) -> Failure {
    Failure {
        kind: FailureKind::Os,
        message: format!("can't send the artifacts: {err}"),
    }
}

/// Writes one item: a tree or a file. A link that is an item itself is followed.
fn write<W: io::Write>(item: &ReadItem, mtime: u64, archive: &mut Writer<W>) -> io::Result<()> {
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
            mtime,
            prefix: &item.name,
        };
        let dir = OpenDir::new(Dir::from_std_file(file), path);
        return archive.tree(&dir, &options);
    }
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is neither a file nor a directory",
        ));
    }
    let mode = if metadata.permissions().mode() & 0o111 == 0 {
        0o644
    } else {
        0o755
    };
    archive.file(&item.name, mode, metadata.len(), &mut file)
}
