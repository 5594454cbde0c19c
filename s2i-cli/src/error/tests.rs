//! Every message that a user can get, with its hint and its exit code.

use std::io;

use s2i_build::{
    BuildError, BuildFailure, EngineError, Interrupt, SourceError,
    plan::{PlanError, SourceEvidence, UserOrigin, UserReason, UserRefused},
    ports::Operation,
    source::SubmoduleError,
};
use s2i_core::{
    ErrorChain, ImageRef, Script,
    ignore::IgnoreError,
    wire::{Exit, Failure, FailureKind},
};
use s2i_oci::{credentials::CredentialError, registry::RegistryError};

use super::Error;
use crate::{
    config::{Config, ConfigError},
    finding::{Finding, Unavailable},
};

/// Returns the code, the message with its causes, and the hint.
fn shown(err: &Error) -> String {
    let hint = err.hint().map(|hint| format!(" | {hint}"));
    format!(
        "{} {}{}",
        err.exit_code().0,
        ErrorChain(err),
        hint.unwrap_or_default()
    )
}

fn of(err: impl Into<BuildError>) -> String {
    shown(&Error::Build(BuildFailure::from(err.into())))
}

fn text<'a>(lines: impl IntoIterator<Item = &'a String>) -> String {
    lines
        .into_iter()
        .fold(String::new(), |text, line| text + line + "\n")
}

fn denied() -> io::Error {
    io::Error::from(io::ErrorKind::PermissionDenied)
}

#[test]
fn engines() {
    let image = || "s2i/go".parse().unwrap();
    let failed = |operation| {
        of(EngineError::Failed {
            operation,
            subject: "s2i/go".into(),
            source: "no space left on device".into(),
        })
    };
    let lines = [
        of(EngineError::Unreachable {
            endpoint: "unix:///x.sock".into(),
            source: Box::new(denied()),
        }),
        of(EngineError::NoEndpoint {
            reason: "nothing listens on /x.sock".into(),
        }),
        of(EngineError::NoSuchImage { image: image() }),
        of(EngineError::Pull {
            image: image(),
            source: "no such host".into(),
        }),
        of(EngineError::NoAgent {
            image: image(),
            architecture: "s390x".into(),
        }),
        of(EngineError::Input {
            into: "/tmp/src".parse().unwrap(),
            source: denied(),
        }),
        of(EngineError::ProgramFailed {
            program: "/usr/libexec/s2i/save-artifacts".into(),
            image: image(),
            exit: Exit::Code(2),
        }),
        of(EngineError::Interrupted(Interrupt::Interrupted)),
        of(EngineError::Interrupted(Interrupt::Terminated)),
        of(EngineError::Interrupted(Interrupt::HungUp)),
        of(EngineError::Lost {
            image: image(),
            source: "the connection to the container ended".into(),
        }),
        failed(Operation::CreateContainer),
        failed(Operation::CommitContainer),
    ];
    insta::assert_snapshot!(text(&lines), @r#"
    20 no container engine answers at unix:///x.sock: permission denied | start Docker or Podman, name its socket with --url unix:///path/to/socket, or use the engine of s2i itself with --engine native
    20 no container engine can be chosen: nothing listens on /x.sock | start Docker or Podman, name its socket with --url unix:///path/to/socket, or use the engine of s2i itself with --engine native
    21 the image `s2i/go` is not in the engine | put it there, for example with `s2i load -i FILE`, or allow to pull `s2i/go` with --pull-policy
    21 can't pull the image `s2i/go`: no such host | check its name, that its registry can be reached, and the login there (`s2i login`); an image of this machine needs no pull
    22 the image `s2i/go` is for s390x, and this s2i has no agent for it | build s2i with `cargo xtask dist`, which puts the agents in
    24 can't send `/tmp/src` into the container: permission denied
    4 `/usr/libexec/s2i/save-artifacts` in a container of `s2i/go` failed with status 2 | its output is above; without --incremental, the build uses no saved artifacts
    130 stopped by Ctrl-C
    143 stopped by SIGTERM
    129 stopped by SIGHUP
    23 the container of `s2i/go` ended before its work was done: the connection to the container ended | was it removed, or out of memory?
    22 the engine failed to create a container of `s2i/go`: no space left on device
    6 the engine failed to commit the container `s2i/go`: no space left on device
    "#);
}

#[test]
fn containers() {
    let lines = [
        (FailureKind::NotFound, "there is no `/s2i/assemble`"),
        (
            FailureKind::NotExecutable,
            "`/s2i/assemble` is not executable for the user `1001`",
        ),
        (FailureKind::NoArtifact, "there is no `/app` to take"),
        (FailureKind::NoSuchUser, "the image has no user `nobody`"),
        (
            FailureKind::BadArchive,
            "can't unpack into `/tmp/src`: `../x` climbs",
        ),
        (
            FailureKind::Requirement,
            "`/run` would be the command of the image and is not there",
        ),
        (FailureKind::Os, "can't clean up `/tmp/src`: no space"),
    ];
    let lines = lines.map(|(kind, message)| {
        let failure = Failure {
            kind,
            message: message.into(),
        };
        of(EngineError::Container {
            image: "s2i/go".parse().unwrap(),
            failure,
        })
    });
    insta::assert_snapshot!(text(&lines), @r#"
    11 in a container of `s2i/go`: there is no `/s2i/assemble` | is it a builder image, and does its label io.openshift.s2i.scripts-url name the right directory?
    17 in a container of `s2i/go`: `/s2i/assemble` is not executable for the user `1001` | make it executable in the image: chmod +x
    24 in a container of `s2i/go`: there is no `/app` to take | name what `assemble` makes, with --runtime-artifact /path/in/builder[:directory]
    19 in a container of `s2i/go`: the image has no user `nobody` | name a user by number, for example --assemble-user 1001
    24 in a container of `s2i/go`: can't unpack into `/tmp/src`: `../x` climbs
    6 in a container of `s2i/go`: `/run` would be the command of the image and is not there | let `assemble` put it there, or use a runtime image that has it
    22 in a container of `s2i/go`: can't clean up `/tmp/src`: no space
    "#);
}

#[test]
fn sources() {
    let location = || "https://example.org/app".to_owned();
    let exclude = s2i_core::ignore::Filter::excluding("(").unwrap_err();
    let lines = [
        of(SourceError::Missing("app".into())),
        of(SourceError::NotADirectory("app".into())),
        of(SourceError::NoContextDir("cmd".into())),
        of(SourceError::ContextDirOutside("../x".into())),
        of(SourceError::EmptyRepository(location())),
        of(SourceError::NoGit(location())),
        of(SourceError::Commit {
            path: "app/.git".into(),
            source: "there is no `HEAD`".into(),
        }),
        of(SourceError::Git {
            location: location(),
            operation: "fetch",
            message: "could not read Username".into(),
        }),
        of(SourceError::BadRef("-h".into())),
        of(SourceError::OutsideObjects {
            location: "app".into(),
            owner: 1001,
            outside: "/home/me/app/.git".into(),
        }),
        of(SourceError::Submodule {
            path: "vendor/lib".into(),
            source: Box::new(SubmoduleError::NoEntry),
        }),
        of(SourceError::NoLfs {
            files: "`a.bin`, `b.bin`".into(),
        }),
        of(SourceError::Lfs {
            files: "`a.bin`".into(),
            source: Some(Box::new(SourceError::Git {
                location: location(),
                operation: "lfs fetch",
                message: "404".into(),
            })),
        }),
        of(SourceError::LfsAddress("file:///srv".into())),
        of(SourceError::Ignore(IgnoreError::TooMany {
            place: ".s2iignore".into(),
        })),
        of(SourceError::Io {
            operation: "read",
            path: "app/.s2iignore".into(),
            source: denied(),
        }),
        of(SourceError::Interrupted(Interrupt::Interrupted)),
    ];
    insta::assert_snapshot!(text(&lines), @r#"
    14 the source `app` does not exist | name a directory that exists, or a URL that Git can fetch
    14 the source `app` is not a directory
    14 the source has no directory `cmd` | --context-dir is relative to the root of the source
    14 the context directory `../x` leads out of the source
    16 the Git repository `https://example.org/app` has no commit yet | commit something, or build the files as they are with --copy
    8 `git` is needed to fetch `https://example.org/app` and is not on this machine | install it, for example: apt-get install git; a checkout needs none without a reference
    8 can't read the commit of `app/.git`: there is no `HEAD` | see what `git log -1` finds, or build the files as they are with --copy
    8 can't fetch `https://example.org/app`: git fetch failed: could not read Username
    2 `-h` can't be the name of a branch, tag or commit
    8 the Git repository `app` belongs to another user (uid 1001) and takes its objects from `/home/me/app/.git` | build the files as they are with --copy, or build as the owner of the repository
    8 can't fetch the submodule `vendor/lib`: `.gitmodules` has no address for it | mend its entry in .gitmodules, get access to its repository, or leave submodules out with --ignore-submodules
    8 `git-lfs` is needed for the content of `a.bin`, `b.bin` and is not on this machine | install it, for example: apt-get install git-lfs
    8 can't fetch the content of `a.bin` with Git LFS: can't fetch `https://example.org/app`: git lfs fetch failed: 404 | `git lfs pull` in a clone of the repository must work
    8 `.lfsconfig` names the server `file:///srv`, which is not allowed
    8 `.s2iignore` has more than 10000 rules | leave out whole directories, or give an expression with --exclude
    8 can't read `app/.s2iignore`: permission denied
    130 stopped by Ctrl-C
    "#);
    assert!(of(SourceError::Exclude(exclude)).starts_with("2 `(` is not a regular expression: "));
}

#[test]
fn users_and_images() {
    let refused = |script| {
        Box::new(UserRefused {
            script: Script::into(script),
            uid: 0,
            reason: UserReason {
                image: "s2i/go".parse().unwrap(),
                user: String::new(),
                origin: UserOrigin::Image,
            },
            allowed: "1-".parse().unwrap(),
        })
    };
    let image = || "debian".parse().unwrap();
    let lines = [
        of(refused(Script::Assemble)),
        of(PlanError::User(refused(Script::AssembleRuntime))),
        of(PlanError::User(refused(Script::Usage))),
        of(PlanError::NoConfig(image())),
        of(PlanError::NotLinux {
            image: image(),
            os: "windows".into(),
        }),
    ];
    insta::assert_snapshot!(text(&lines), @r#"
    15 `assemble` would run as uid 0 in a container of `s2i/go`, and allowed are 1-: the image `s2i/go` has no USER | name a user of an allowed number with --assemble-user, or allow this one with --allowed-uids
    15 `assemble-runtime` would run as uid 0 in a container of `s2i/go`, and allowed are 1-: the image `s2i/go` has no USER | name a user of an allowed number with --assemble-runtime-user, or allow this one with --allowed-uids
    15 `usage` would run as uid 0 in a container of `s2i/go`, and allowed are 1-: the image `s2i/go` has no USER | allow this number with --allowed-uids
    11 the config of the image `debian` is empty: it has no label for its scripts, no user and no command | use a builder image; an image that was imported from a plain archive of files has no config
    18 the image `debian` is for the operating system `windows`, and containers here run Linux | use an image for linux
    "#);
}

fn a_go_mod() -> SourceEvidence {
    SourceEvidence {
        file: "a go.mod".into(),
        others: Vec::new(),
    }
}

#[test]
fn the_rest() {
    let script = |script, exit| BuildError::Script {
        script: Script::into(script),
        image: "s2i/go".parse().unwrap(),
        exit,
    };
    let no_script = PlanError::NoScript {
        script: Script::Run,
        image: "debian".parse().unwrap(),
    };
    let tag = PlanError::TagIsInput("s2i/go".parse().unwrap());
    let lines = [
        of(script(Script::Assemble, Exit::Code(3))),
        of(script(Script::Assemble, Exit::Signal(9))),
        of(script(Script::Usage, Exit::Code(2))),
        of(no_script),
        of(PlanError::NoUsage("debian".parse().unwrap())),
        of(PlanError::NoTag),
        of(BuildError::NoPickedBuilder {
            builder: "s2i/go".parse().unwrap(),
            detection: a_go_mod(),
            source: Box::new(EngineError::NoSuchImage {
                image: "s2i/go".parse().unwrap(),
            }),
        }),
        of(tag),
        shown(&Error::ReadFile {
            path: "vars".into(),
            source: denied(),
        }),
        shown(&Error::WriteFile {
            path: "image.tar".into(),
            source: denied(),
        }),
        shown(&Error::Terminal("standard output")),
        shown(&Error::Image("Bad".parse::<ImageRef>().unwrap_err())),
        shown(&Error::Epoch("now".into())),
        shown(&Error::Runtime(denied())),
    ];
    insta::assert_snapshot!(text(&lines), @r#"
    4 `assemble` of `s2i/go` failed with status 3 | its output is above
    4 `assemble` of `s2i/go` was killed by signal 9 (is there enough memory?) | its output is above
    4 `usage` of `s2i/go` failed with status 2 | its output is above; not every script supports --json
    11 there is no script `run`: the image `debian` has no label `io.openshift.s2i.scripts-url`, and the source has no `.s2i/bin/run` | use a builder image, or put an executable script into the source as .s2i/bin/run
    11 the image `debian` has no script `usage`: it has no label `io.openshift.s2i.scripts-url` | name an image that builds from source; its scripts and that label make it one
    2 an incremental build finds the one before by the name of its result, and there is none | name it after the builder: `s2i build SOURCE BUILDER TAG --incremental`
    21 there is no builder image `s2i/go`, which was picked because the source has a go.mod: the image `s2i/go` is not in the engine | `cargo xtask images` makes the images of s2i and puts them into an engine; or name a builder, with `s2i build SOURCE BUILDER TAG`, or as [builders] in the configuration file
    18 the result can't be called `s2i/go`: that is the name of an image that it is built from | give the result a name of its own
    2 can't read `vars`: permission denied
    2 can't write `image.tar`: permission denied
    2 standard output is a terminal, and an archive is not text | name a file, or use a pipe
    2 `Bad`: the name of a repository must be lower case
    2 SOURCE_DATE_EPOCH is `now`, not a number of seconds since 1970
    1 can't start: permission denied
    "#);
}

#[test]
fn logins() {
    let lines = [
        shown(&Error::Registry(RegistryError::Refused {
            registry: "r.example".into(),
            user: "me".into(),
        })),
        shown(&Error::Credentials(CredentialError::NoHelper(
            "pass".into(),
        ))),
        shown(&Error::Credentials(CredentialError::Write {
            path: "config.json".into(),
            source: denied(),
        })),
        shown(&Error::NoHome),
        shown(&Error::NotInteractive),
        shown(&Error::Answer(denied())),
        shown(&Error::InvalidAnswer("password", "it is empty")),
    ];
    insta::assert_snapshot!(text(&lines), @"
    25 the registry `r.example` does not accept the user `me` with this password | check both; some registries want a token in place of the password
    25 there is no credential helper `docker-credential-pass` | install it, or remove it from `credsStore` and `credHelpers` of the configuration and log in again
    25 can't write `config.json`: permission denied
    25 there is no file to store a login in | set HOME, or name a file in REGISTRY_AUTH_FILE
    2 can't ask for a password: standard input is not a terminal | put it into a pipe, with --username USER --password-stdin
    2 can't read the answer: permission denied
    2 that can't be a password: it is empty
    ");
}

#[test]
fn choosing_an_engine() {
    let findings = ["no user namespaces", "no luck"];
    let unavailable = || Unavailable(findings.map(|text| Finding::new(text, None)).into());
    let config = Config::parse("/etc/s2i/config.toml".as_ref(), "engin = 'x'").unwrap_err();
    let lines = [
        shown(&Error::NoEngine {
            api: "no engine listens on /x.sock (not there)".into(),
            native: unavailable(),
        }),
        shown(&Error::Native(unavailable())),
        shown(&Error::NoUrl {
            engine: "the embedded engine",
            url: "unix:///x.sock".into(),
        }),
        shown(&Error::OnlyBuilds),
        shown(&Error::NotKept),
        shown(&Error::IncrementalHere),
        shown(&Error::NoBaseLayers("s2i/go:ci".parse().unwrap())),
        shown(&Error::NotInContainer),
        shown(&Error::LoadOfApi),
        shown(&Error::CompressionOfApi),
        shown(&Error::TlsVerifyOfApi),
        shown(&Error::Config(config)),
        shown(&Error::Config(ConfigError::Read {
            file: "/etc/s2i/config.toml".into(),
            source: denied(),
        })),
    ];
    insta::assert_snapshot!(text(&lines), @r#"
    20 no container engine can be used; Docker, Podman: no engine listens on /x.sock (not there); the embedded one: no user namespaces; no luck | `s2i doctor` shows what is missing, and how to get it
    20 the embedded engine can't work here: no user namespaces; no luck | `s2i doctor` shows what is missing, and how to get it
    2 the embedded engine has no URL, and `unix:///x.sock` was given | leave out --url, or --engine and S2I_ENGINE
    2 the engine `here` only builds: it neither keeps images nor starts containers | use it with `s2i build`, or another engine
    2 the engine `here` keeps no images, and the result would be lost | push it with --push, or write it to an archive with --output FILE
    2 the engine `here` keeps no second image with the artifacts of builds for a runtime image | keep them in a directory, with --cache-dir DIR in place of --incremental
    2 the layers of `s2i/go:ci`, the base of the result, can be read from no registry | name the image of this container by its registry, as BUILDER or in S2I_JOB_IMAGE, or use --runtime-image
    20 the engine `here` builds in the container that s2i runs in, and this process is in none | use the embedded engine, --engine native, or start a container of a builder, for example of s2i/go:ci
    2 --load is for builds of the embedded engine | the result is in the engine that built it already
    2 --compression is for pushes of the embedded engine | leave it out, or use --engine native
    2 --tls-verify=false can't change how Docker and Podman connect to registries | name the registry in `insecure-registries` of Docker's `daemon.json`, or as `insecure` in Podman's `registries.conf`; or use --engine native
    2 /etc/s2i/config.toml:1: `engin = 'x'`: unknown field `engin`, expected one of `engine`, `url`, `store`, `allowed_uids`, `builders`, `registry`, `limits`
    2 can't read the configuration `/etc/s2i/config.toml`: permission denied
    "#);
}

#[test]
fn every_exit_code_is_documented_once() {
    let codes: Vec<u8> = crate::exit::TABLE.iter().map(|(code, _)| code.0).collect();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(codes, sorted);
    let page = include_str!("../../../docs/errors.md");
    for code in codes {
        assert!(
            page.contains(&format!("| {code} | ")),
            "docs/errors.md does not document {code}"
        );
    }
}
