//! Replacing a directory with the output of a build below it.

use std::{fs, path::Path};

use s2i_core::{ContainerPath, detect::INDEX};

use super::{
    plan::{Outputs, Replacement},
    tree,
};
use crate::{Error, Host, directories::below, launch::PROCFILE};

/// The name of the output while everything else is removed.
const STAGED: &str = ".s2i-output";

/// The depth to which sites are looked for, for advice.
const MAX_DEPTH: usize = 4;

/// Replaces the content of the root with the first output that is there, or adds what starts it. The directory itself
/// stays the same one, for it may be the working directory of a process. It is an error where an output is needed and
/// there is none.
pub(super) fn install_output(outputs: &Outputs, host: &mut Host<'_>) -> Result<(), Error> {
    let root = &outputs.root;
    let found = outputs.list.iter().find(|output| is_complete(output));
    match found {
        Some(output) if output.stays => {
            let text = output.procfile.as_deref().unwrap_or_default();
            host.console
                .detail(format_args!("{} is what runs", output.path));
            write_procfile(root, text)
        }
        Some(output) => replace(output, root, host),
        None if outputs.is_needed => Err(Error::NoOutput {
            expected: outputs.list.iter().map(name).collect(),
            sites: sites(Path::new(root.as_str())),
            advice: outputs.advice.clone(),
        }),
        None => Ok(()),
    }
}

fn is_complete(output: &Replacement) -> bool {
    let path = Path::new(output.path.as_str());
    let has_entry = output
        .entry
        .as_ref()
        .is_none_or(|entry| path.join(entry).is_file());
    path.is_dir() && has_entry
}

/// Returns the path that shows that an output is there.
fn name(output: &Replacement) -> String {
    match &output.entry {
        Some(entry) => format!("{}/{entry}", output.path),
        None => output.path.to_string(),
    }
}

fn replace(output: &Replacement, root: &ContainerPath, host: &mut Host<'_>) -> Result<(), Error> {
    let path = &output.path;
    if path == root {
        return Ok(());
    }
    host.console
        .detail(format_args!("{path} replaces the content of {root}"));
    for asset in &output.assets {
        tree::move_tree(asset.from.as_str().as_ref(), asset.to.as_str().as_ref())?;
    }
    if let Some(text) = &output.procfile {
        write_procfile(path, text)?;
    }
    let staged = below(root, STAGED);
    tree::move_tree(path.as_str().as_ref(), staged.as_str().as_ref())?;
    for child in tree::children(root.as_str().as_ref())? {
        if child.as_os_str() != staged.as_str() {
            tree::remove(&child)?;
        }
    }
    tree::install(staged.as_str().as_ref(), root.as_str().as_ref())?;
    tree::remove(staged.as_str().as_ref())
}

fn write_procfile(directory: &ContainerPath, text: &str) -> Result<(), Error> {
    let path = below(directory, PROCFILE);
    fs::write(path.as_str(), text).map_err(Error::file("write", path))
}

/// Returns the directories below the root that have an index.
fn sites(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    visit(root, "", MAX_DEPTH, &mut found);
    found
}

fn visit(path: &Path, name: &str, depth: usize, found: &mut Vec<String>) {
    if !name.is_empty() && path.join(INDEX).is_file() {
        found.push(name.to_owned());
        return;
    }
    for child in tree::children(path).unwrap_or_default() {
        let Some(last) = child.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if depth > 0 && child.is_dir() && !last.starts_with('.') && last != "node_modules" {
            let name = format!("{name}/{last}");
            visit(&child, name.trim_start_matches('/'), depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::plan::Asset;

    /// A root with the output of Next.js and a site.
    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "app/.next/standalone/node_modules",
            "app/public",
            "app/src",
            "app/www/en",
        ] {
            fs::create_dir_all(root.path().join(name)).unwrap();
        }
        for name in [
            "app/public/a.css",
            "app/.next/standalone/server.js",
            "app/www/en/index.html",
        ] {
            fs::write(root.path().join(name), "").unwrap();
        }
        root
    }

    fn path(root: &tempfile::TempDir, name: &str) -> ContainerPath {
        root.path().join(name).to_str().unwrap().parse().unwrap()
    }

    fn install(outputs: &Outputs) -> Result<(), Error> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut host = Host::new(["assemble"], [("A", "b")], &mut out, &mut err);
        install_output(outputs, &mut host)
    }

    fn outputs(root: &tempfile::TempDir, names: &[&str], is_needed: bool) -> Outputs {
        let list = names.iter().map(|name| Replacement {
            path: path(root, name),
            entry: Some("server.js".into()),
            assets: vec![Asset {
                from: path(root, "app/public"),
                to: path(root, "app/.next/standalone/public"),
            }],
            procfile: Some("web: node server.js\n".into()),
            stays: false,
        });
        Outputs {
            root: path(root, "app"),
            list: list.collect(),
            is_needed,
            advice: None,
        }
    }

    #[test]
    fn only_the_output_and_its_assets_stay() {
        let root = root();
        install(&outputs(&root, &["app/none", "app/src"], false)).unwrap();
        assert!(fs::metadata(path(&root, "app/src").as_str()).is_ok());
        install(&outputs(&root, &["app/none", "app/.next/standalone"], true)).unwrap();
        let names = tree::children(path(&root, "app").as_str().as_ref()).unwrap();
        let names: Vec<_> = names
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["Procfile", "node_modules", "public", "server.js"]);
        assert!(fs::metadata(path(&root, "app/public/a.css").as_str()).is_ok());
    }

    #[test]
    fn needed_output_that_is_not_there_is_an_error_that_names_the_sites_that_are() {
        let root = root();
        let err = install(&outputs(&root, &["app/dist"], true)).unwrap_err();
        let text = err.render("assemble");
        assert!(text.contains("/app/dist/server.js"), "{text}");
        assert!(text.contains("`-e NODE_STATIC_DIR=www/en`"), "{text}");
        assert!(fs::metadata(path(&root, "app/src").as_str()).is_ok());
    }

    #[test]
    fn output_that_needs_the_rest_only_gets_what_starts_it() {
        let root = root();
        let mut outputs = outputs(&root, &["app/.next/standalone"], true);
        outputs.list[0].stays = true;
        install(&outputs).unwrap();
        let text = fs::read_to_string(path(&root, "app/Procfile").as_str()).unwrap();
        assert_eq!(text, "web: node server.js\n");
        assert!(fs::metadata(path(&root, "app/src").as_str()).is_ok());
    }
}
