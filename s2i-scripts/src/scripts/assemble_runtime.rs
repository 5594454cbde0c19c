//! `assemble-runtime`: makes sure that a runtime image can run what it was given.

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
    let places = host.places()?;
    unnest(Path::new(places.app_root.as_str()))?;
    let (bin, epoch) = (places.bin(), host.epoch()?);
    host.console.phase("Checking the application");
    for name in launch::programs(&bin).unwrap_or_default() {
        let path = bin
            .join(&name)
            .map_err(|err| Error::variable("the name of a program", &name, &err.to_string()))?;
        host.console.detail(format_args!("found {path}"));
        execute::perform(&Step::Seal { path, epoch }, host)?;
    }
    if tree::is_there(Path::new(places.app().as_str())) {
        execute::perform(&Step::Share { path: places.app() }, host)?;
    }
    start::report(host)
}

/// Takes out what was given as the whole directory of the application, and so lies below itself.
fn unnest(app_root: &Path) -> Result<(), Error> {
    let nested = app_root.file_name().map(|name| app_root.join(name));
    let Some(nested) = nested.filter(|path| path.is_dir()) else {
        return Ok(());
    };
    tree::install(&nested, app_root)?;
    tree::remove(&nested)
}
