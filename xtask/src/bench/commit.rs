//! The commit of the engine alone, without anything else of a build.

use std::{path::Path, process::Command};

use anyhow::Result;
use s2i_test_engines::host;

use super::{Turn, image, watched};

/// The name of the container.
const CONTAINER: &str = "s2i-bench-commit";

/// The name of the resulting image.
pub(crate) const TAG: &str = "s2i-bench/commit";

/// Measures the commit of a container in which `assemble` has copied the tree.
pub(crate) fn commit(docker: &Path, url: &str, tree: &Path) -> Result<Turn> {
    let docker = |args: &[&str]| {
        let mut command = Command::new(docker);
        command.args(["-H", url]).args(args);
        command
    };
    let bind = format!("{}:/tmp/src:ro", tree.display());
    let run = ["run", "--name", CONTAINER, "--volume", &bind, image::NAME];
    let remove = || host::captured(&mut docker(&["rm", "--force", CONTAINER]));
    // An interrupted run may have left it.
    let _ = remove();
    let turn = host::captured(docker(&run).arg(image::ASSEMBLE))
        .and_then(|_| watched::measure(&mut docker(&["commit", CONTAINER, TAG])));
    remove()?;
    turn
}
