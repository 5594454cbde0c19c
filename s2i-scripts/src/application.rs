//! The programs that an image can run.

use std::{fs, path::Path};

use s2i_core::ContainerPath;

use crate::{Error, host::is_executable};

/// The names of the executable files in a directory, in order.
///
/// # Errors
/// When there is none.
pub fn list(bin: &ContainerPath) -> Result<Vec<String>, Error> {
    let path = bin.as_str();
    let entries = match fs::read_dir(path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NoApplication {
                path: path.to_owned(),
            });
        }
        entries => entries.map_err(Error::file("read the directory", path))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::file("read the directory", path))?;
        let is_file = fs::metadata(entry.path()).is_ok_and(|data| data.is_file());
        files.extend(entry.file_name().into_string().ok().filter(|_| is_file));
    }
    files.sort();
    let (programs, others): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|name| is_executable(&Path::new(path).join(name)));
    match (programs.is_empty(), others.is_empty()) {
        (false, _) => Ok(programs),
        (true, true) => Err(Error::NoApplication {
            path: path.to_owned(),
        }),
        (true, false) => Err(Error::NotExecutable {
            path: path.to_owned(),
            found: others,
        }),
    }
}

/// The name of the program to run: the wanted one, else the only one.
///
/// # Errors
/// When there is none, not the wanted one, or a choice.
pub fn choose(bin: &ContainerPath, wanted: Option<&str>) -> Result<String, Error> {
    let mut found = list(bin)?;
    let path = bin.to_string();
    match wanted {
        Some(name) if found.iter().any(|known| known == name) => Ok(name.to_owned()),
        Some(name) => Err(Error::NoSuchApplication {
            path,
            name: name.to_owned(),
            found,
        }),
        None if found.len() > 1 => Err(Error::SeveralApplications { path, found }),
        None => Ok(found.remove(0)),
    }
}
