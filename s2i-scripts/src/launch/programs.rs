//! The programs that an image can run.

use std::path::{Path, PathBuf};

use s2i_core::ContainerPath;

use super::{Error, PROCFILE};
use crate::{assembly::tree, host::is_executable};

/// Returns the names of the executable files in a directory, in order; it is an error if there is none.
pub(crate) fn list(bin: &ContainerPath) -> Result<Vec<String>, crate::Error> {
    let path = bin.to_string();
    if !Path::new(&path).exists() {
        return Err(Error::NoApplication { path }.into());
    }
    let mut files = tree::children(path.as_ref())?;
    files.retain(|file| file.is_file() && !file.ends_with(PROCFILE));
    let (programs, others): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| is_executable(file));
    let names = |files: Vec<PathBuf>| {
        let names = files.iter().filter_map(|file| file.file_name()?.to_str());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    match (programs.is_empty(), others.is_empty()) {
        (false, _) => Ok(names(programs)),
        (true, true) => Err(Error::NoApplication { path }.into()),
        (true, false) => {
            let files = names(others);
            Err(Error::NotExecutable { path, files }.into())
        }
    }
}

/// Returns the name of the program to run: the requested one, else the only one, else `web`, `server` or `app`.
pub(super) fn choose(
    bin: &ContainerPath,
    programs: &[String],
    requested: Option<&str>,
) -> Result<String, Error> {
    let has = |name: &&str| programs.iter().any(|known| known == name);
    match (requested, programs) {
        (Some(name), _) if has(&name) => Ok(name.to_owned()),
        (Some(name), _) => Err(Error::NoSuchApplication {
            path: bin.to_string(),
            name: name.to_owned(),
            programs: programs.to_vec(),
        }),
        (None, [only]) => Ok(only.clone()),
        (None, _) => {
            let default = ["web", "server", "app"].into_iter().find(has);
            let several = || Error::SeveralApplications {
                path: bin.to_string(),
                programs: programs.to_vec(),
            };
            default.map(str::to_owned).ok_or_else(several)
        }
    }
}
