//! Replacing a directory with the output of a build below it.

use std::{fs, path::Path};

use s2i_core::ContainerPath;

use super::{plan::Asset, tree};
use crate::{Error, Host, directories::below, launch::PROCFILE};

/// The name of the output while everything else is removed.
const STAGED: &str = ".s2i-output";

/// Replaces the content of `root` with the output, if there is one. The directory itself stays the same one,
/// for it may be the working directory of a process.
pub(super) fn install_output(
    output: &ContainerPath,
    root: &ContainerPath,
    assets: &[Asset],
    procfile: Option<&str>,
    host: &mut Host<'_>,
) -> Result<(), Error> {
    if !Path::new(output.as_str()).is_dir() {
        return Ok(());
    }
    host.console
        .detail(format_args!("{output} replaces the content of {root}"));
    for asset in assets {
        tree::move_tree(asset.from.as_str().as_ref(), asset.to.as_str().as_ref())?;
    }
    if let Some(text) = procfile {
        let path = below(output, PROCFILE);
        fs::write(path.as_str(), text).map_err(Error::file("write", path))?;
    }
    let staged = below(root, STAGED);
    tree::move_tree(output.as_str().as_ref(), staged.as_str().as_ref())?;
    for child in tree::children(root.as_str().as_ref())? {
        if child.as_os_str() != staged.as_str() {
            tree::remove(&child)?;
        }
    }
    tree::install(staged.as_str().as_ref(), root.as_str().as_ref())?;
    tree::remove(staged.as_str().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_output_and_its_assets_stay() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| -> ContainerPath {
            root.path().join(name).to_str().unwrap().parse().unwrap()
        };
        for name in ["app/.next/standalone/node_modules", "app/public", "app/src"] {
            fs::create_dir_all(path(name).as_str()).unwrap();
        }
        fs::write(path("app/public/a.css").as_str(), "").unwrap();
        fs::write(path("app/.next/standalone/server.js").as_str(), "").unwrap();
        let asset = |from, to| Asset {
            from: path(from),
            to: path(to),
        };
        let assets = [
            asset("app/public", "app/.next/standalone/public"),
            asset("app/.next/static", "app/.next/standalone/.next/static"),
        ];
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut host = Host::new(["assemble"], [("A", "b")], &mut out, &mut err);
        let (output, app) = (path("app/.next/standalone"), path("app"));
        install_output(&path("app/none"), &app, &assets, None, &mut host).unwrap();
        assert!(fs::metadata(path("app/src").as_str()).is_ok());
        install_output(
            &output,
            &app,
            &assets,
            Some("web: node server.js\n"),
            &mut host,
        )
        .unwrap();
        let names = tree::children(app.as_str().as_ref()).unwrap();
        let names: Vec<_> = names
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["Procfile", "node_modules", "public", "server.js"]);
        assert!(fs::metadata(path("app/public/a.css").as_str()).is_ok());
    }
}
