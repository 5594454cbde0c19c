//! The request for a build of Go.

use std::path::Path;

use s2i_core::ContainerPath;

use super::{Toolchain, flags, layout::is_import_path};
use crate::{Directories, Error, Host, assembly::cache, variables};

/// The request of the user, from the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Request {
    /// The packages of [`variables::GO_TARGET`].
    pub(crate) targets: Vec<String>,
    pub(crate) ldflags: Option<String>,
    pub(crate) tags: Option<String>,
    pub(crate) goflags: Option<String>,
    pub(crate) import: Option<String>,
    pub(crate) toolchain: Toolchain,
    /// The patterns of [`variables::GO_KEEP_FILES`].
    pub(crate) keep: Option<Vec<String>>,
    pub(crate) test: bool,
    pub(crate) compress: bool,
    /// [`variables::GOPRIVATE`] is set.
    pub(crate) is_private: bool,
    /// [`variables::CGO_ENABLED`] asks for a C compiler.
    pub(crate) cgo: bool,
    /// Variables for which this crate has a default and the user has set a value.
    pub(crate) set: Vec<&'static str>,
    /// Caches stay in the image: [`variables::S2I_KEEP_CACHE`], [`variables::S2I_INCREMENTAL`].
    pub(crate) keep_cache: bool,
    /// The size that a kept cache may have, in bytes.
    pub(crate) cache_limit: u64,
    /// The time of the files that are made, in seconds since 1970.
    pub(crate) epoch: u64,
}

/// The variable for the directory of Go's own settings and counters.
pub(super) const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";

impl Request {
    /// Reads the host's environment.
    pub(crate) fn read(host: &Host<'_>) -> Result<Self, Error> {
        let mut set = Vec::new();
        for name in [variables::CGO_ENABLED, XDG_CONFIG_HOME] {
            set.extend(host.variable(name)?.map(|_| name));
        }
        check_netrc(host)?;
        let import = host.text(variables::IMPORT_URL)?;
        if let Some(path) = import.as_deref().filter(|path| !is_import_path(path)) {
            return Err(Error::variable(
                variables::IMPORT_URL,
                path,
                "it is not an import path such as `example.com/shop`",
            ));
        }
        let list = |text: &str| {
            let items = text.split([',', ':', ' ']).filter(|item| !item.is_empty());
            items.map(str::to_owned).collect::<Vec<_>>()
        };
        let targets = host.variable(variables::GO_TARGET)?.unwrap_or_default();
        Ok(Self {
            targets: list(targets),
            keep: host.variable(variables::GO_KEEP_FILES)?.map(list),
            ldflags: host.text(variables::GO_LDFLAGS)?,
            tags: host.text(variables::GO_TAGS)?,
            goflags: flags::read(host)?,
            import,
            toolchain: Toolchain::read(host)?,
            test: host.switch(variables::GO_TEST, false)?,
            compress: host.switch(variables::COMPRESS_BINARY, false)?,
            is_private: host.variable(variables::GOPRIVATE)?.is_some(),
            cgo: host.variable(variables::CGO_ENABLED)? == Some("1"),
            set,
            keep_cache: cache::is_kept(host)?,
            cache_limit: cache::limit(host)?,
            epoch: host.epoch()?,
        })
    }
}

/// Checks that the file with passwords is not one that the image keeps.
fn check_netrc(host: &Host<'_>) -> Result<(), Error> {
    let Some(value) = host.variable(variables::NETRC)? else {
        return Ok(());
    };
    let problem = |problem: &str| Error::variable(variables::NETRC, value, problem);
    let path: ContainerPath = value
        .parse()
        .map_err(|_| problem("it is not an absolute path"))?;
    let Directories {
        source, app_root, ..
    } = host.directories()?;
    if source.contains(&path) || app_root.contains(&path) {
        return Err(problem("the file would stay in the image"));
    }
    if !Path::new(value).is_file() {
        return Err(problem("it does not exist"));
    }
    Ok(())
}
