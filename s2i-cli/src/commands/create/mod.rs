//! `s2i create`: the skeleton of a builder image, which builds and passes its own test as it is written.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::ExitCode,
};

use serde_json::json;

use crate::{args::Create, context::CommandContext, error::Error};

/// The placeholder for the name of the image in the files.
const IMAGE: &str = "@IMAGE@";

/// A file of the skeleton.
struct SkeletonFile {
    path: &'static str,
    /// The permission bits, before those of the umask are removed.
    mode: u32,
    text: &'static str,
}

/// Describes a file of `skeleton/` with its permission bits.
macro_rules! skeleton_file {
    ($mode:literal, $path:literal) => {
        SkeletonFile {
            path: $path,
            mode: $mode,
            text: include_str!(concat!("skeleton/", $path)),
        }
    };
}

/// The files, with the modes that the Go tool gives them. The script in `.s2i` is an addition to its skeleton: with
/// it, `s2i build` makes the image.
const FILES: [SkeletonFile; 10] = [
    skeleton_file!(0o600, "Dockerfile"),
    skeleton_file!(0o600, "Makefile"),
    skeleton_file!(0o600, "README.md"),
    skeleton_file!(0o755, "s2i/bin/assemble"),
    skeleton_file!(0o755, "s2i/bin/run"),
    skeleton_file!(0o755, "s2i/bin/save-artifacts"),
    skeleton_file!(0o755, "s2i/bin/usage"),
    skeleton_file!(0o755, ".s2i/bin/assemble"),
    skeleton_file!(0o700, "test/run"),
    skeleton_file!(0o600, "test/test-app/index.html"),
];

/// Writes the files that do not exist yet, and shows a warning for each of the others.
///
/// # Errors
/// Fails on the first file that can't be written; it is removed then, and the files before it stay.
pub(crate) fn run(args: &Create, context: &CommandContext<'_>) -> Result<ExitCode, Error> {
    let directory = context.host.working_dir.join(&args.destination);
    let image = args.image.to_string();
    let (mut text, mut created) = (String::new(), Vec::new());
    for file in FILES {
        let path = directory.join(file.path);
        match create_file(&path, file.mode, &file.text.replace(IMAGE, &image)) {
            Ok(()) => {
                let _ = writeln!(text, "{}", path.display());
                created.push(file.path);
            }
            Err(err) if err.kind() == ErrorKind::AlreadyExists => {
                context.warn(path.display().to_string(), "exists and is kept as it is");
            }
            Err(source) => return Err(Error::WriteFile { path, source }),
        }
    }
    let object = json!({"event": "created", "directory": directory, "files": created});
    context.renderer().answer(&text, &object);
    Ok(ExitCode::SUCCESS)
}

/// Creates a file with its directories. A file that can't be written completely is removed.
fn create_file(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(not_existing)?;
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        // The error that led here is the one to report.
        let _ = fs::remove_file(path);
    }
    written
}

/// Returns the error for a directory whose place another file takes, which is not an existing file of the skeleton.
fn not_existing(err: io::Error) -> io::Error {
    if err.kind() == ErrorKind::AlreadyExists {
        ErrorKind::NotADirectory.into()
    } else {
        err
    }
}
