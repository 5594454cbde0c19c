//! `s2i login`.

use std::{
    fs::File,
    io::{self, BufRead as _, Read as _},
    path::Path,
    process::ExitCode,
};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use s2i_build::{
    CancelToken, EngineError, Interrupt,
    context::or_interrupted,
    event::{Event, EventSink as _},
    stream::blocking,
};
use s2i_core::{Diagnostic, Printable, Secret, bounds, credential::Credential};
use s2i_oci::{
    credentials::CredentialLocation,
    registry::{self, LoginOutcome, Registry},
};
use serde_json::{Value, json};

use crate::{args, context::CommandContext, credentials, error::Error, host::Host, native, render};

pub(crate) async fn run(
    args: &args::Login,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let file = credentials::default_file(context.host).ok_or(Error::NoHome)?;
    let options = native::registry(context)?;
    let credential = answer(args, context.host, cancel).await?;
    let login = log_in(&args.registry, &credential, options, &file, context);
    or_interrupted(login, cancel).await?;
    Ok(ExitCode::SUCCESS)
}

/// Prompts in a separate thread, because the answer may never come.
async fn answer(
    args: &args::Login,
    host: &Host,
    cancel: &CancelToken,
) -> Result<Credential, Error> {
    if !args.password_stdin && !host.stdin_is_terminal {
        return Err(Error::NotInteractive);
    }
    let (user, password_stdin) = (args.username.clone(), args.password_stdin);
    let terminal = Terminal::look();
    let asking = async {
        let asked = blocking(move || ask(user, password_stdin)).await;
        asked.map_err(Error::Answer)?
    };
    let answer = or_interrupted(asking, cancel).await;
    if let (Err(_), Some(terminal)) = (&answer, terminal) {
        terminal.restore();
    }
    answer
}

/// The settings of the terminal before a prompt that does not echo the answer.
struct Terminal {
    tty: File,
    settings: Termios,
}

impl Terminal {
    fn look() -> Option<Self> {
        let tty = File::open("/dev/tty").ok()?;
        let settings = tcgetattr(&tty).ok()?;
        Some(Self { tty, settings })
    }

    fn restore(&self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.settings);
    }
}

/// Checks the login with the registry and stores it.
async fn log_in(
    registry: &str,
    credential: &Credential,
    options: registry::Options,
    default_file: &Path,
    context: &CommandContext<'_>,
) -> Result<(), Error> {
    let store = options.credentials.clone();
    let outcome = Registry::new(options)?.log_in(registry, credential).await?;
    let renderer = context.renderer();
    if outcome == LoginOutcome::NotRequested {
        renderer.event(Event::Warning(Diagnostic::new(
            format!("the registry `{registry}`"),
            "it did not ask for a login, so the password is not verified",
        )));
    }
    let locations = store.store(registry, credential, default_file).await?;
    let user = credential.user();
    let login = format!("logged in to `{registry}` as `{}`", Printable::line(user));
    let lines = locations
        .iter()
        .map(|location| format!("{login}, kept {}\n", describe(location)));
    let kept: Vec<_> = locations.iter().map(object).collect();
    let object = json!({"event": "logged_in", "registry": registry, "user": user, "kept": kept});
    renderer.answer(&lines.collect::<String>(), &object);
    Ok(())
}

/// Returns a location as a part of a sentence.
pub(super) fn describe(location: &CredentialLocation) -> String {
    match location {
        CredentialLocation::File(path) => format!("in `{}`, unencrypted", path.display()),
        CredentialLocation::Helper(name) => format!("by `docker-credential-{name}`"),
        _ => "elsewhere".into(),
    }
}

/// Returns a location as JSON.
pub(super) fn object(location: &CredentialLocation) -> Value {
    match location {
        CredentialLocation::File(path) => json!({"file": path.display().to_string()}),
        CredentialLocation::Helper(name) => json!({"helper": name}),
        _ => json!({}),
    }
}

/// Returns the user and the password from the command line and standard input, or else from the terminal.
fn ask(user: Option<String>, password_stdin: bool) -> Result<Credential, Error> {
    let user = user.map_or_else(ask_user, Ok)?;
    let password = if password_stdin {
        read_password().map_err(Error::Answer)?
    } else {
        ask_password()?
    };
    if password.is_empty() {
        return Err(Error::InvalidAnswer("password", "it is empty"));
    }
    let password = Secret::new(password);
    Ok(Credential::Password { user, password })
}

fn ask_user() -> Result<String, Error> {
    let mut line = String::new();
    render::prompt("Username: ");
    let mut answer = io::stdin().lock().take(bounds::PASSWORD);
    answer.read_line(&mut line).map_err(Error::Answer)?;
    args::user(line.trim()).map_err(|reason| Error::InvalidAnswer("user", reason))
}

/// Prompts on the terminal without echo. Ctrl-C counts as an answer and sends no signal.
fn ask_password() -> Result<String, Error> {
    rpassword::prompt_password("Password: ").map_err(|err| match err.kind() {
        io::ErrorKind::Interrupted => EngineError::Interrupted(Interrupt::Interrupted).into(),
        _ => Error::Answer(err),
    })
}

/// Reads standard input to its end, without the final line break that many programs add.
pub(super) fn read_password() -> io::Result<String> {
    let text = bounds::read_text(io::stdin(), bounds::PASSWORD)?;
    Ok(without_line_break(&text).to_owned())
}

/// Returns the text without a final line break.
pub(super) fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
