//! Lets a part of a directory take the place of the whole.

use std::fs;

use s2i_core::ContainerPath;

use super::{plan::Kept, tree};
use crate::{Error, Host, launch::PROCFILE, places::below};

/// Where the part waits while the rest goes.
const WAITING: &str = ".s2i-promoted";

/// Does it where there is a part; the directory itself stays the same one, for it may be somebody's
/// working directory.
pub(super) fn promote(
    part: &ContainerPath,
    whole: &ContainerPath,
    keep: &[Kept],
    procfile: Option<&str>,
    host: &mut Host<'_>,
) -> Result<(), Error> {
    if !fs::metadata(part.as_str()).is_ok_and(|data| data.is_dir()) {
        return Ok(());
    }
    host.console
        .detail(format_args!("only {part} stays, as {whole}"));
    for kept in keep {
        tree::move_tree(kept.from.as_str().as_ref(), kept.to.as_str().as_ref())?;
    }
    if let Some(text) = procfile {
        let path = below(part, PROCFILE);
        fs::write(path.as_str(), text).map_err(Error::file("write", path))?;
    }
    let waiting = below(whole, WAITING);
    tree::move_tree(part.as_str().as_ref(), waiting.as_str().as_ref())?;
    for child in tree::children(whole.as_str().as_ref())? {
        if child.as_os_str() != waiting.as_str() {
            tree::remove(&child)?;
        }
    }
    tree::install(waiting.as_str().as_ref(), whole.as_str().as_ref())?;
    tree::remove(waiting.as_str().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_is_all_that_stays_and_takes_along_what_is_there() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| -> ContainerPath {
            root.path().join(name).to_str().unwrap().parse().unwrap()
        };
        for name in ["app/.next/standalone/node_modules", "app/public", "app/src"] {
            fs::create_dir_all(path(name).as_str()).unwrap();
        }
        fs::write(path("app/public/a.css").as_str(), "").unwrap();
        fs::write(path("app/.next/standalone/server.js").as_str(), "").unwrap();
        let kept = |from, to| Kept {
            from: path(from),
            to: path(to),
        };
        let keep = [
            kept("app/public", "app/.next/standalone/public"),
            kept("app/.next/static", "app/.next/standalone/.next/static"),
        ];
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut host = Host::new(["assemble"], [("A", "b")], &mut out, &mut err);
        let (part, whole) = (path("app/.next/standalone"), path("app"));
        promote(&path("app/none"), &whole, &keep, None, &mut host).unwrap();
        assert!(fs::metadata(path("app/src").as_str()).is_ok());
        promote(
            &part,
            &whole,
            &keep,
            Some("web: node server.js\n"),
            &mut host,
        )
        .unwrap();
        let names = tree::children(whole.as_str().as_ref()).unwrap();
        let names: Vec<_> = names
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["Procfile", "node_modules", "public", "server.js"]);
        assert!(fs::metadata(path("app/public/a.css").as_str()).is_ok());
    }
}
