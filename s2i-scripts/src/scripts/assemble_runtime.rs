//! `assemble-runtime`: checks that a runtime image can run its application.

use std::path::Path;

use super::start;
use crate::{
    Error, Host,
    assembly::{Step, execute, tree},
    launch,
};

/// Gives every program its final mode and time, everything else the modes that any user of group 0
/// needs, and checks that there is an application.
pub(super) fn assemble_runtime(host: &mut Host<'_>) -> Result<(), Error> {
    let dirs = host.directories()?;
    unnest(Path::new(dirs.app_root.as_str()))?;
    let (bin, epoch) = (dirs.bin(), host.epoch()?);
    host.console.phase("Checking the application");
    for name in launch::programs(&bin).unwrap_or_default() {
        let path = bin
            .join(&name)
            .map_err(|err| Error::variable("the name of a program", &name, &err))?;
        host.console.detail(format_args!("found {path}"));
        execute::perform(&Step::Seal { path, epoch }, host)?;
    }
    if tree::is_there(Path::new(dirs.app().as_str())) {
        execute::perform(&Step::Share { path: dirs.app() }, host)?;
    }
    start::report(host)
}

/// Moves up a directory of applications that was copied as a whole, and so lies below itself.
fn unnest(app_root: &Path) -> Result<(), Error> {
    let nested = app_root.file_name().map(|name| app_root.join(name));
    let Some(nested) = nested.filter(|path| path.is_dir()) else {
        return Ok(());
    };
    tree::install(&nested, app_root)?;
    tree::remove(&nested)
}
