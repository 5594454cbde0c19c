//! The start of the application in an image, found in the image itself.
//!
//! It depends on nothing but the files of the image and the variables of the process. So an image can be
//! made without `assemble`, and `assemble` and `assemble-runtime` check it as `run` does.

use std::{ffi::OsString, path::PathBuf};

use s2i_core::detect::INDEX;

use crate::{
    Error, Host,
    launch::{self, Launch},
    node,
};

/// Finds the application of this image; `args` are for it.
pub(super) fn find(args: &[OsString], host: &Host<'_>) -> Result<Launch, Error> {
    let dirs = host.directories()?;
    let app = PathBuf::from(dirs.app().as_str());
    let is_node = node::is_application(&app);
    if is_node && host.find("node").is_some() {
        return node::launch(&app, args, host);
    }
    match launch::programs(&dirs.bin()) {
        Ok(programs) => launch::program(&programs, args, &dirs, host),
        Err(Error::Launch(launch::Error::NoApplication { .. })) if is_node => {
            let path = app.display().to_string();
            Err(launch::Error::NoNode { path }.into())
        }
        Err(Error::Launch(launch::Error::NoApplication { .. })) if app.join(INDEX).is_file() => {
            Ok(Launch::Serve(app))
        }
        Err(err) => Err(err),
    }
}

/// Shows the command that `run` starts, or fails as it would.
pub(super) fn report(host: &mut Host<'_>) -> Result<(), Error> {
    match find(&[], host) {
        Ok(launch) => {
            host.console.detail(format_args!("run starts: {launch}"));
            Ok(())
        }
        // The choice is made when the image is run.
        Err(Error::Launch(launch::Error::SeveralApplications { programs, .. })) => {
            host.console.detail(format_args!(
                "run starts one of {}, as APP selects",
                programs.join(", ")
            ));
            Ok(())
        }
        Err(err) => Err(err),
    }
}
