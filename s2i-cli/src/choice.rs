//! The choice of the engine for a command, with the reason.

use std::path::{Path, PathBuf};

use s2i_build::EngineError;
use s2i_docker::{Endpoint, Flavour};

use crate::{
    args::EngineName, config::Config, context::CommandContext, error::Error, finding::Unavailable,
};

/// The store of the embedded engine for root. Other users have one in their data directory.
const SYSTEM_STORE: &str = "/var/lib/s2i";
const OWN_STORE: &str = "s2i";

/// The selected engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// Docker or Podman.
    Api(Endpoint),
    /// The embedded engine with the store in this directory.
    Native(PathBuf),
    /// The container that s2i runs in.
    Here,
}

/// The selected engine and the reason for the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) engine: EngineKind,
    /// The reason, as a part of a sentence.
    pub(crate) reason: String,
    /// True if the engine was not requested, so that users may not know where their images are.
    pub(crate) is_fallback: bool,
}

impl Choice {
    fn requested(engine: EngineKind, reason: impl Into<String>) -> Self {
        Self {
            engine,
            reason: reason.into(),
            is_fallback: false,
        }
    }
}

/// Chooses the engine: the one that the command line or the environment selects, or the configuration, or Docker
/// or Podman if one is named or listens, or else the embedded engine if `native` finds that it can work.
pub(crate) fn choose(
    context: &CommandContext<'_>,
    native: impl FnOnce(&Path) -> Result<(), Unavailable>,
) -> Result<Choice, Error> {
    let CommandContext {
        global,
        config,
        host,
    } = context;
    let url = global.url.as_deref();
    let without_url = match global.engine {
        Some(EngineName::Native) => Some("the embedded engine"),
        Some(EngineName::Here) => Some("the engine `here`"),
        _ => None,
    };
    if let (Some(engine), Some(url)) = (without_url, url) {
        let url = url.to_owned();
        return Err(Error::NoUrl { engine, url });
    }
    let (name, reason) = match (global.engine, config.engine) {
        (Some(name), _) => (name, "it was asked for".into()),
        // A URL on the command line is for this command only and takes precedence over the file.
        (None, Some(name)) if url.is_none() => (name, named_by(config)),
        _ => return any(context, native),
    };
    let find = |flavour| Endpoint::find(url, Some(flavour), &host.engine);
    let engine = match name {
        EngineName::Docker => EngineKind::Api(find(Flavour::Docker)?),
        EngineName::Podman => EngineKind::Api(find(Flavour::Podman)?),
        // Opening the engine shows whether it can work.
        EngineName::Native => EngineKind::Native(store(context)),
        EngineName::Here => EngineKind::Here,
    };
    Ok(Choice::requested(engine, reason))
}

/// Chooses an engine when none was requested by kind.
fn any(
    context: &CommandContext<'_>,
    native: impl FnOnce(&Path) -> Result<(), Unavailable>,
) -> Result<Choice, Error> {
    let (url, env) = (context.global.url.as_deref(), &context.host.engine);
    // A named endpoint is used or the command fails: with another engine, users would not find their images.
    if let Some(endpoint) = Endpoint::named(url, None, env)? {
        let reason = format!("{} names it", endpoint.from);
        return Ok(Choice::requested(EngineKind::Api(endpoint), reason));
    }
    let api = match Endpoint::listening(None, env) {
        Ok(endpoint) => {
            let engine = EngineKind::Api(endpoint);
            return Ok(Choice::requested(engine, "it is the first that listens"));
        }
        Err(err) => reason(err),
    };
    let store = store(context);
    match native(&store) {
        Ok(()) => Ok(Choice {
            engine: EngineKind::Native(store),
            reason: "neither Docker nor Podman listens".into(),
            is_fallback: true,
        }),
        Err(native) => Err(Error::NoEngine { api, native }),
    }
}

fn named_by(config: &Config) -> String {
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
pub(crate) fn store(context: &CommandContext<'_>) -> PathBuf {
    let CommandContext {
        global,
        config,
        host,
    } = context;
    match (&global.store, &config.store, &host.data_home) {
        (Some(dir), _, _) => host.working_dir.join(dir),
        (None, Some(dir), _) => dir.clone(),
        (None, None, Some(dir)) if !host.is_root => dir.join(OWN_STORE),
        _ => SYSTEM_STORE.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args::Args, finding::Finding, host::Host};

    fn choose(args: &str, config: &str, host: &Host) -> String {
        let words = ["s2i", "images"].into_iter().chain(args.split_whitespace());
        let args = <Args as clap::Parser>::try_parse_from(words).unwrap();
        let config = Config::parse(Path::new("/c.toml"), config).unwrap();
        let mut host = host.clone();
        host.engine.configured = config.url.clone().zip(config.file.clone());
        let context = CommandContext {
            global: &args.global,
            config: &config,
            host: &host,
        };
        match super::choose(&context, |_| {
            Err(Unavailable(vec![Finding::new("no luck", None)]))
        }) {
            Ok(choice) => format!("{} because {}", shown(&choice.engine), choice.reason),
            Err(err) => err.to_string(),
        }
    }

    fn shown(engine: &EngineKind) -> String {
        match engine {
            EngineKind::Api(endpoint) => endpoint.url.clone(),
            EngineKind::Native(store) => store.display().to_string(),
            EngineKind::Here => "here".into(),
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
    fn command_line_takes_precedence_over_the_file() {
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
    fn engine_of_a_variable_has_no_alternative() {
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
        host.engine.docker_host = Some("ssh://".into());
        let refused = choose("", "", &host);
        assert!(
            refused.contains("it has no host"),
            "no other is taken: {refused}"
        );
    }

    #[test]
    fn embedded_engine_is_the_last_resort() {
        let host = user();
        if Endpoint::listening(None, &host.engine).is_ok() {
            // A daemon listens on a default socket of this machine.
            return;
        }
        let message = choose("", "", &host);
        assert!(
            message.starts_with("no container engine can be used; Docker, Podman: "),
            "{message}"
        );
        assert!(message.ends_with("the embedded one: no luck"), "{message}");
        let args = <Args as clap::Parser>::try_parse_from(["s2i", "images"]).unwrap();
        let context = CommandContext {
            global: &args.global,
            config: &Config::default(),
            host: &host,
        };
        let choice = super::choose(&context, |_| Ok(())).unwrap();
        assert!(choice.is_fallback);
    }

    #[test]
    fn store_is_in_the_documented_directory() {
        let root = Host {
            is_root: true,
            ..user()
        };
        let native = |args: &str, config: &str, host: &Host| {
            let choice = choose(&format!("--engine native {args}"), config, host);
            choice.split(' ').next().unwrap().to_owned()
        };
        assert_eq!(native("", "", &root), "/var/lib/s2i");
        assert_eq!(native("", "", &user()), "/home/me/.local/share/s2i");
        assert_eq!(native("", "store = '/c'", &user()), "/c");
        assert_eq!(native("--store /s", "store = '/c'", &user()), "/s");
        assert_eq!(native("--store s", "", &root), "/here/s");
    }
}
