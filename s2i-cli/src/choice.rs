//! The choice of the engine for a command, with the reason.

use std::path::{Path, PathBuf};

use s2i_build::EngineError;
use s2i_docker::{Endpoint, Flavour};

use crate::{
    args::{EngineName, Global},
    config::Config,
    error::Error,
    host::Host,
    native::{self, Impossible},
};

/// The store of the embedded engine for root. Other users have one in their data directory.
const SYSTEM_STORE: &str = "/var/lib/s2i";
const OWN_STORE: &str = "s2i";

/// The chosen engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// Docker or Podman.
    Api(Endpoint),
    /// The embedded engine with the store in this directory.
    Native(PathBuf),
}

/// The chosen engine and the reason for the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) chosen: Chosen,
    /// The reason, as a part of a sentence.
    pub(crate) because: String,
    /// True if the engine was not requested, so that users may not know where their images are.
    pub(crate) is_fallback: bool,
}

/// Chooses the engine: the one that the command line or the environment selects, or the configuration, or Docker
/// or Podman if one is named or listens, or else the embedded engine if it can work.
pub(crate) fn choose(global: &Global, config: &Config, host: &Host) -> Result<Choice, Error> {
    choose_with(global, config, host, native::possible)
}

/// Chooses the engine with a custom check of whether the embedded engine can work.
pub(crate) fn choose_with(
    global: &Global,
    config: &Config,
    host: &Host,
    native: impl FnOnce(&Path) -> Result<(), Impossible>,
) -> Result<Choice, Error> {
    let url = global.url.as_deref();
    if let (Some(EngineName::Native), Some(url)) = (global.engine, url) {
        return Err(Error::UrlOfNative(url.into()));
    }
    let typed = global.engine.map(|name| (name, "it was asked for".into()));
    // A URL on the command line is for this command only and takes precedence over the file.
    let of_file = config.engine.filter(|_| url.is_none());
    let of_file = of_file.map(|name| (name, file_of(config)));
    let find = |flavour| Endpoint::find(url, Some(flavour), &host.engine);
    let (chosen, because) = match typed.or(of_file) {
        None => return any(url, host, store(global, config, host), native),
        Some((EngineName::Docker, because)) => (Chosen::Api(find(Flavour::Docker)?), because),
        Some((EngineName::Podman, because)) => (Chosen::Api(find(Flavour::Podman)?), because),
        // Opening the engine shows whether it can work.
        Some((EngineName::Native, because)) => {
            (Chosen::Native(store(global, config, host)), because)
        }
    };
    Ok(Choice {
        chosen,
        because,
        is_fallback: false,
    })
}

/// Chooses an engine when none was requested by kind.
fn any(
    url: Option<&str>,
    host: &Host,
    store: PathBuf,
    native: impl FnOnce(&Path) -> Result<(), Impossible>,
) -> Result<Choice, Error> {
    let api = |endpoint: Endpoint, because| Choice {
        chosen: Chosen::Api(endpoint),
        because,
        is_fallback: false,
    };
    // A named endpoint is used or the command fails: with another engine, users would not find their images.
    if let Some(endpoint) = Endpoint::named(url, None, &host.engine)? {
        let because = format!("{} names it", endpoint.from);
        return Ok(api(endpoint, because));
    }
    let nobody = match Endpoint::listening(None, &host.engine) {
        Ok(endpoint) => return Ok(api(endpoint, "it is the first that listens".into())),
        Err(nobody) => reason(nobody),
    };
    match native(&store) {
        Ok(()) => Ok(Choice {
            chosen: Chosen::Native(store),
            because: "neither Docker nor Podman listens".into(),
            is_fallback: true,
        }),
        Err(impossible) => Err(Error::NoEngine(Box::new((nobody, impossible)))),
    }
}

fn file_of(config: &Config) -> String {
    let file = config.file.clone().unwrap_or_default();
    format!("{} names it", file.display())
}

/// Returns the reason for the lack of an engine, without the statement that there is none.
pub(crate) fn reason(err: EngineError) -> String {
    match err {
        EngineError::NoEndpoint { reason } => reason,
        other => other.to_string(),
    }
}

/// Returns the directory of the embedded engine's images.
pub(crate) fn store(global: &Global, config: &Config, host: &Host) -> PathBuf {
    let asked = global.store.as_ref().map(|dir| host.working_dir.join(dir));
    let own = || {
        let below = host.data_home.as_ref().filter(|_| !host.is_root);
        below.map_or_else(|| SYSTEM_STORE.into(), |dir| dir.join(OWN_STORE))
    };
    asked.or_else(|| config.store.clone()).unwrap_or_else(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Missing;

    fn choose(args: &str, config: &str, host: &Host) -> String {
        let words = ["s2i", "images"].into_iter().chain(args.split_whitespace());
        let args = <crate::args::Args as clap::Parser>::try_parse_from(words).unwrap();
        let config = Config::parse(Path::new("/c.toml"), config).unwrap();
        let mut host = host.clone();
        host.engine.configured = config.url.clone().zip(config.file.clone());
        let impossible = |_: &Path| {
            Err(Impossible(vec![Missing {
                what: "no luck".into(),
                step: None,
            }]))
        };
        match choose_with(&args.global, &config, &host, impossible) {
            Ok(choice) => format!("{} because {}", shown(&choice.chosen), choice.because),
            Err(err) => err.to_string(),
        }
    }

    fn shown(chosen: &Chosen) -> String {
        match chosen {
            Chosen::Api(endpoint) => endpoint.url.clone(),
            Chosen::Native(store) => store.display().to_string(),
        }
    }

    fn user() -> Host {
        Host {
            working_dir: "/here".into(),
            data_home: Some("/home/me/.local/share".into()),
            ..Host::default()
        }
    }

    #[test]
    fn the_command_line_comes_before_the_file() {
        let host = user();
        let own = "/home/me/.local/share/s2i";
        for (args, config, expected) in [
            (
                "--engine native",
                "",
                format!("{own} because it was asked for"),
            ),
            (
                "",
                "engine = 'native'",
                format!("{own} because /c.toml names it"),
            ),
            (
                "",
                "url = 'unix:///c'",
                "unix:///c because /c.toml names it".into(),
            ),
            (
                "--url unix:///u",
                "url = 'unix:///c'",
                "unix:///u because --url names it".into(),
            ),
            (
                "--url unix:///u",
                "engine = 'native'",
                "unix:///u because --url names it".into(),
            ),
            (
                "--engine podman",
                "url = 'unix:///c'",
                "unix:///c because it was asked for".into(),
            ),
            (
                "--engine native --url unix:///u",
                "",
                "the embedded engine has no URL, and `unix:///u` was given".into(),
            ),
        ] {
            assert_eq!(choose(args, config, &host), expected, "{args} {config}");
        }
    }

    #[test]
    fn what_a_variable_names_is_used_or_nothing() {
        let mut host = user();
        host.engine.docker_host = Some("unix:///d".into());
        let own = "/home/me/.local/share/s2i";
        for (args, config, expected) in [
            ("", "", "unix:///d because DOCKER_HOST names it".to_owned()),
            (
                "",
                "url = 'unix:///c'",
                "unix:///d because DOCKER_HOST names it".into(),
            ),
            (
                "",
                "engine = 'native'",
                format!("{own} because /c.toml names it"),
            ),
            (
                "--engine docker",
                "",
                "unix:///d because it was asked for".into(),
            ),
        ] {
            assert_eq!(choose(args, config, &host), expected, "{args} {config}");
        }
        host.engine.docker_host = Some("ssh://d".into());
        let refused = choose("", "", &host);
        assert!(
            refused.contains("does not speak ssh"),
            "no other is taken: {refused}"
        );
    }

    #[test]
    fn the_embedded_engine_is_the_last_resort() {
        let host = user();
        if Endpoint::listening(None, &host.engine).is_ok() {
            // A daemon listens on a default socket of this machine.
            return;
        }
        let told = choose("", "", &host);
        assert!(
            told.starts_with("no container engine can be used; Docker, Podman: nobody"),
            "{told}"
        );
        assert!(told.ends_with("the embedded one: no luck"), "{told}");
        let args = <crate::args::Args as clap::Parser>::try_parse_from(["s2i", "images"]).unwrap();
        let choice = choose_with(&args.global, &Config::default(), &host, |_| Ok(())).unwrap();
        assert!(choice.is_fallback);
    }

    #[test]
    fn a_store_is_where_it_is_said_to_be() {
        let root = Host {
            is_root: true,
            ..user()
        };
        let native = |args: &str, config: &str, host: &Host| {
            let told = choose(&format!("--engine native {args}"), config, host);
            told.split(' ').next().unwrap().to_owned()
        };
        assert_eq!(native("", "", &root), "/var/lib/s2i");
        assert_eq!(native("", "", &user()), "/home/me/.local/share/s2i");
        assert_eq!(native("", "store = '/c'", &user()), "/c");
        assert_eq!(native("--store /s", "store = '/c'", &user()), "/s");
        assert_eq!(native("--store s", "", &root), "/here/s");
    }
}
