//! The request for a build for Node.js.

use s2i_core::label::NamePatterns;

use crate::{Error, Host, assembly::cache, launch::words, variables};

/// The request of the user, from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Request {
    /// The value of `NODE_ENV` for the application.
    pub(crate) env: String,
    /// The application is under development.
    pub(crate) is_dev: bool,
    /// The words of [`variables::NPM_BUILD`]; the first one is the script.
    pub(crate) build: Option<Vec<String>>,
    pub(crate) manager: Option<String>,
    pub(crate) workspace: Option<String>,
    pub(crate) static_dir: Option<String>,
    /// Development dependencies are removed.
    pub(crate) prune: bool,
    /// Variables name what starts the application.
    pub(crate) has_start: bool,
    /// The registry that the user names, without user and password.
    pub(crate) mirror: Option<String>,
    pub(crate) has_token: bool,
    pub(crate) has_auth: bool,
    /// The variables of [`variables::LOGINS`] that are set.
    pub(crate) logins: Vec<String>,
    /// The variable with the proxy for `https:`.
    pub(crate) https_proxy: Option<&'static str>,
    /// The variable with the proxy for `http:`.
    pub(crate) http_proxy: Option<&'static str>,
    /// A lock file that does not fit package.json is an error.
    pub(crate) strict_lock: bool,
    /// Packages for other versions of Node.js are refused.
    pub(crate) engine_strict: bool,
    /// Caches stay in the image: [`variables::S2I_KEEP_CACHE`], [`variables::S2I_INCREMENTAL`].
    pub(crate) keep_cache: bool,
    /// The size that a kept cache may have, in bytes.
    pub(crate) cache_limit: u64,
}

/// Returns the value of `NODE_ENV`, and whether the application is under development.
pub(super) fn environment(host: &Host<'_>) -> Result<(String, bool), Error> {
    let is_dev = host.switch(variables::DEV_MODE, false)?;
    let default = if is_dev { DEVELOPMENT } else { PRODUCTION };
    let env = host.variable(variables::NODE_ENV)?.unwrap_or(default);
    Ok((env.to_owned(), is_dev))
}

/// The default of `NODE_ENV`.
pub(super) const PRODUCTION: &str = "production";

/// The value of `NODE_ENV` for development.
pub(super) const DEVELOPMENT: &str = "development";

impl Request {
    /// Reads the host's environment.
    pub(crate) fn read(host: &Host<'_>) -> Result<Self, Error> {
        let (env, is_dev) = environment(host)?;
        let is_set = |name| Ok::<_, Error>(host.variable(name)?.is_some());
        let first = |names: [&'static str; 2]| names.into_iter().find(|name| host.has(name));
        let patterns = NamePatterns::new(variables::LOGINS);
        let logins = host.names().filter(|name| patterns.matches(name));
        let build = host.variable(variables::NPM_BUILD)?.map(words::split);
        let mirror = host
            .variable(variables::NPM_MIRROR)?
            .map(address)
            .transpose()?;
        Ok(Self {
            build: build.filter(|words| !words.is_empty()),
            manager: host.text(variables::NODE_PACKAGE_MANAGER)?,
            workspace: host.text(variables::NODE_WORKSPACE)?,
            static_dir: host.text(variables::NODE_STATIC_DIR)?,
            prune: env == PRODUCTION && host.switch(variables::NODE_PRUNE, true)?,
            has_start: is_set(variables::NODE_CMD)? || is_set(variables::NPM_RUN)?,
            mirror,
            has_token: is_set(variables::NPM_TOKEN)?,
            has_auth: is_set(variables::NPM_AUTH)?,
            logins: logins.map(str::to_owned).collect(),
            https_proxy: first(["HTTPS_PROXY", "https_proxy"]),
            http_proxy: first(["HTTP_PROXY", "http_proxy"]),
            strict_lock: host.switch(variables::NODE_STRICT_LOCK, false)?,
            engine_strict: host.value("npm_config_engine_strict").as_deref() == Some("true"),
            keep_cache: cache::is_kept(host)?,
            cache_limit: cache::limit(host)?,
            env,
            is_dev,
        })
    }

    /// Returns whether the image is for development, which needs everything.
    pub(super) fn is_development(&self) -> bool {
        self.is_dev || self.env == DEVELOPMENT
    }
}

/// Returns the address of a registry without user and password, and with a slash at its end.
fn address(value: &str) -> Result<String, Error> {
    let problem = || {
        Error::variable(
            variables::NPM_MIRROR,
            value,
            "it is not an address that begins with `https://` or `http://`",
        )
    };
    let (scheme, rest) = value.split_once("://").ok_or_else(problem)?;
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or_default();
    if !matches!(scheme, "http" | "https") || host.is_empty() {
        return Err(problem());
    }
    let path = path.trim_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    Ok(format!("{scheme}://{host}/{path}{slash}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_user_and_end_in_a_slash() {
        for (value, expected) in [
            ("https://example.org", Some("https://example.org/")),
            (
                "http://me:p@w@example.org:4873/npm/all//?x",
                Some("http://example.org:4873/npm/all/"),
            ),
            ("example.org", None),
            ("ftp://example.org", None),
            ("https://", None),
        ] {
            assert_eq!(address(value).ok().as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn mode_and_environment_decide_about_development() {
        for (env, expected) in [
            (&[][..], ("production", false, true)),
            (&[("DEV_MODE", "true")], ("development", true, false)),
            (
                &[("DEV_MODE", "true"), ("NODE_ENV", "production")],
                ("production", true, true),
            ),
            (&[("NODE_ENV", "staging")], ("staging", false, false)),
            (&[("NODE_PRUNE", "false")], ("production", false, false)),
        ] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let host = Host::new(["assemble"], env.iter().copied(), &mut out, &mut err);
            let request = Request::read(&host).unwrap();
            assert_eq!(
                (request.env.as_str(), request.is_dev, request.prune),
                expected,
                "{env:?}"
            );
        }
    }
}
