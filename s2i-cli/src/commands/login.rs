//! `s2i login`.

use std::{
    io::{self, BufRead as _, Read as _},
    path::Path,
    pin::pin,
};

use futures_util::future::{Either, select};
use s2i_build::{CancelToken, EngineError, Interrupt, event::Event};
use s2i_core::{
    Diagnostic, Printable, bounds,
    login::{Credential, Hidden},
};
use s2i_oci::registry::{self, Keeper, Registry, Verdict};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::Setting;
use crate::{args, error::Error, host::Host, keyring, native, render, signals};

pub(crate) async fn run(args: &args::Login, setting: &Setting<'_>) -> Result<(), Error> {
    let home = keyring::home(setting.host).ok_or(Error::NoHome)?;
    let options = native::registry(setting.config, setting.host)?;
    let credential = ask(args, setting.host)?;
    let cancel = CancelToken::default();
    signals::watch(&cancel);
    let login = log_in(&args.registry, &credential, options, &home, setting);
    match select(pin!(cancel.cancelled()), pin!(login)).await {
        Either::Left((reason, _)) => Err(EngineError::Interrupted(reason).into()),
        Either::Right((done, _)) => done,
    }
}

/// Shows the login to the registry, and keeps it.
async fn log_in(
    registry: &str,
    credential: &Credential,
    options: registry::Options,
    home: &Path,
    setting: &Setting<'_>,
) -> Result<(), Error> {
    let keyring = options.keyring.clone();
    let registries = Registry::new(options).map_err(Error::Registry)?;
    let verdict = registries.log_in(registry, credential).await;
    if verdict.map_err(Error::Registry)? == Verdict::NotAsked {
        setting.tell(Event::Warning(Diagnostic::new(
            format!("the registry `{registry}`"),
            "it did not ask who you are, so nobody knows whether the password is right",
        )));
    }
    let keepers = keyring.keep(registry, credential, home).await;
    let keepers = keepers.map_err(Error::Keyring)?;
    let user = credential.user();
    let known = format!("logged in to `{registry}` as `{}`", Printable::line(user));
    let lines = keepers
        .iter()
        .map(|keeper| format!("{known}, kept {}\n", place(keeper)));
    let kept: Vec<_> = keepers.iter().map(object).collect();
    let object = json!({"event": "logged_in", "registry": registry, "user": user, "kept": kept});
    let text: String = lines.collect();
    setting.renderer().answer(&text, &object);
    Ok(())
}

/// What people read about where a login is.
pub(super) fn place(keeper: &Keeper) -> String {
    match keeper {
        Keeper::File(path) => format!("in `{}`, unencrypted", path.display()),
        Keeper::Helper(name) => format!("by `docker-credential-{name}`"),
        _ => "elsewhere".into(),
    }
}

/// The same for machines.
pub(super) fn object(keeper: &Keeper) -> Value {
    match keeper {
        Keeper::File(path) => json!({"file": path}),
        Keeper::Helper(name) => json!({"helper": name}),
        _ => json!({}),
    }
}

/// The user and the password, from the command line and standard input, else from the terminal.
fn ask(args: &args::Login, host: &Host) -> Result<Credential, Error> {
    if !args.password_stdin && !host.stdin_is_terminal {
        return Err(Error::NobodyToAsk);
    }
    let user = match &args.username {
        Some(user) => user.clone(),
        None => ask_user()?,
    };
    let password = if args.password_stdin {
        read_password().map_err(Error::Answer)?
    } else {
        ask_password()?
    };
    if password.is_empty() {
        return Err(Error::NoAnswer("password", "it is empty"));
    }
    let password = Hidden::new(password);
    Ok(Credential::Password { user, password })
}

fn ask_user() -> Result<String, Error> {
    let mut line = String::new();
    render::prompt("Username: ");
    let mut answer = io::stdin().lock().take(bounds::PASSWORD);
    answer.read_line(&mut line).map_err(Error::Answer)?;
    args::user(line.trim()).map_err(|why| Error::NoAnswer("user", why))
}

/// Asks on the terminal, which shows nothing of the answer. Ctrl-C must not end the program before the terminal is
/// as it was.
fn ask_password() -> Result<String, Error> {
    let caught = signal(SignalKind::interrupt());
    let answer = caught.and_then(|_caught| rpassword::prompt_password("Password: "));
    answer.map_err(|err| match err.kind() {
        io::ErrorKind::Interrupted => EngineError::Interrupted(Interrupt::Interrupted).into(),
        _ => Error::Answer(err),
    })
}

/// All of standard input, without the end of a line that what writes passwords into pipes likes to add.
fn read_password() -> io::Result<String> {
    let text = bounds::read_text(io::stdin(), bounds::PASSWORD)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
