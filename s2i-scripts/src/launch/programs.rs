//! The programs that an image can run.

use std::{fs, path::Path};

use s2i_core::ContainerPath;

use super::{Error, PROCFILE};
use crate::host::is_executable;

/// The names of the executable files in a directory, in order.
///
/// # Errors
/// When there is none.
pub(crate) fn list(bin: &ContainerPath) -> Result<Vec<String>, crate::Error> {
    let path = bin.as_str();
    let entries = match fs::read_dir(path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            let path = path.to_owned();
            return Err(Error::NoApplication { path }.into());
        }
        entries => entries.map_err(crate::Error::file("read the directory", path))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(crate::Error::file("read the directory", path))?;
        let is_file = fs::metadata(entry.path()).is_ok_and(|data| data.is_file());
        files.extend(entry.file_name().into_string().ok().filter(|_| is_file));
    }
    files.retain(|name| name != PROCFILE);
    files.sort();
    let (programs, others): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|name| is_executable(&Path::new(path).join(name)));
    let path = path.to_owned();
    match (programs.is_empty(), others.is_empty()) {
        (false, _) => Ok(programs),
        (true, true) => Err(Error::NoApplication { path }.into()),
        (true, false) => Err(Error::NotExecutable {
            path,
            found: others,
        }
        .into()),
    }
}

/// The name of the program to run: the wanted one, else the only one, else `web`, `server` or `app`.
///
/// # Errors
/// When there is not the wanted one, or a choice.
pub(super) fn choose(
    bin: &ContainerPath,
    found: &[String],
    wanted: Option<&str>,
) -> Result<String, Error> {
    let path = bin.to_string();
    let has = |name: &&str| found.iter().any(|known| known == name);
    match wanted {
        Some(name) if has(&name) => Ok(name.to_owned()),
        Some(name) => Err(Error::NoSuchApplication {
            path,
            name: name.to_owned(),
            found: found.to_vec(),
        }),
        None => match found {
            [only] => Ok(only.clone()),
            _ => ["web", "server", "app"]
                .into_iter()
                .find(has)
                .map(str::to_owned)
                .ok_or_else(|| Error::SeveralApplications {
                    path,
                    found: found.to_vec(),
                }),
        },
    }
}
