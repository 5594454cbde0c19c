//! The request for a build of Go.

use std::path::Path;

use s2i_core::ContainerPath;

use crate::{Error, Host, Places, variables};

/// The request of the user, from the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Request {
    /// [`variables::GO_TARGET`], as a list
    pub targets: Vec<String>,
    /// [`variables::GO_LDFLAGS`]
    pub ldflags: Option<String>,
    /// [`variables::GO_TAGS`]
    pub tags: Option<String>,
    /// [`variables::GOFLAGS`]
    pub goflags: Option<String>,
    /// [`variables::IMPORT_URL`]
    pub import: Option<String>,
    /// [`variables::GO_TEST`]
    pub test: bool,
    /// [`variables::COMPRESS_BINARY`]
    pub compress: bool,
    /// [`variables::GOPRIVATE`] is set.
    pub is_private: bool,
    /// [`variables::CGO_ENABLED`] asks for a C compiler.
    pub cgo: bool,
    /// Variables that have a default of ours and that the user has set.
    pub set: Vec<&'static str>,
    /// Caches stay in the image: [`variables::KEEP_CACHE`], [`variables::INCREMENTAL`]
    pub keep_cache: bool,
    /// The bytes that a kept cache may have.
    pub cache_limit: u64,
    /// The time of the files that are made.
    pub epoch: u64,
}

/// The variable for the directory of Go's own settings and counters.
pub(super) const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";

impl Request {
    /// Reads the host's environment.
    ///
    /// # Errors
    /// When a variable has a value that can't be used.
    pub fn read(host: &Host<'_>) -> Result<Self, Error> {
        let mut set = Vec::new();
        for name in [variables::CGO_ENABLED, XDG_CONFIG_HOME] {
            set.extend(host.variable(name)?.map(|_| name));
        }
        check_netrc(host)?;
        let import = host.text(variables::IMPORT_URL)?;
        if let Some(path) = import
            .as_deref()
            .filter(|path| !super::layout::is_import_path(path))
        {
            return Err(Error::variable(
                variables::IMPORT_URL,
                path,
                "it is no import path, such as `example.com/shop`",
            ));
        }
        let targets = host.variable(variables::GO_TARGET)?.unwrap_or_default();
        let targets = targets
            .split([',', ':', ' '])
            .filter(|target| !target.is_empty());
        Ok(Self {
            targets: targets.map(str::to_owned).collect(),
            ldflags: host.text(variables::GO_LDFLAGS)?,
            tags: host.text(variables::GO_TAGS)?,
            goflags: host.text(variables::GOFLAGS)?,
            import,
            test: host.switch(variables::GO_TEST)?,
            compress: host.switch(variables::COMPRESS_BINARY)?,
            is_private: host.variable(variables::GOPRIVATE)?.is_some(),
            cgo: host.variable(variables::CGO_ENABLED)? == Some("1"),
            set,
            keep_cache: crate::assembly::cache::is_kept(host)?,
            cache_limit: crate::assembly::cache::limit(host)?,
            epoch: host.epoch()?,
        })
    }
}

/// The passwords must lie where the image does not keep them.
fn check_netrc(host: &Host<'_>) -> Result<(), Error> {
    let Some(value) = host.variable(variables::NETRC)? else {
        return Ok(());
    };
    let problem = |problem: &str| Error::variable(variables::NETRC, value, problem);
    let path: ContainerPath = value
        .parse()
        .map_err(|_| problem("it is no absolute path"))?;
    let Places {
        source, app_root, ..
    } = host.places()?;
    if source.contains(&path) || app_root.contains(&path) {
        return Err(problem("the file would stay in the image"));
    }
    if !Path::new(value).is_file() {
        return Err(problem("there is no such file"));
    }
    Ok(())
}
