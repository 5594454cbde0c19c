//! Texts from sources, images and servers: in every style, no control sequences and no secrets are shown.

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    process::Command,
    thread,
};

use s2i_core::label;
use serde_json::Value;

use crate::{
    harness::{Live, live, skip},
    images::Recipe,
    process::{Done, Running, Stream},
    repository::Repository,
};

/// Sets the title of a terminal.
const TITLE: &str = "\u{1b}]0;TITLE\u{7}";

/// A secret with a character that JSON escapes.
const SECRET: &str = "s3cr3t\"ABCDEFGHij";

/// The style of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Json,
    Terminal,
}

const STYLES: [Style; 3] = [Style::Plain, Style::Json, Style::Terminal];

impl Style {
    /// Runs `s2i` in this style, if it can be done here.
    fn run(self, live: &Live, env: &[(&str, &str)], args: &[OsString]) -> Option<Done> {
        let mut command = live.command();
        command.envs(env.iter().copied());
        command.args(live.engine.options());
        match self {
            Self::Plain => command.args(["--progress", "plain"]),
            Self::Json => command.args(["--progress", "json"]),
            Self::Terminal => &mut command,
        };
        command.args(args);
        if self == Self::Terminal {
            command = on_terminal(&command)?;
        }
        Some(Running::start(&mut command).finish())
    }

    /// Fails when there is something that steers a terminal, but for what `s2i` does on one itself.
    #[track_caller]
    fn shows_text(self, done: &Done) {
        for line in &done.lines {
            let mut text = line.text.clone();
            if self == Self::Terminal {
                for own in ["\r\u{1b}[K", "\u{1b}[1m", "\u{1b}[0m", "\r"] {
                    text = text.replace(own, "");
                }
            }
            assert!(!steers(&text), "{self:?}: {:?}", line.text);
            if self == Self::Json && line.stream == Stream::Stdout {
                for text in texts_of(&serde_json::from_str(&text).unwrap()) {
                    assert!(!steers(text), "{text:?}");
                }
            }
        }
        let shown: String = done.lines.iter().map(|line| &line.text[..]).collect();
        assert!(!shown.contains("TITLE"), "{self:?}: {shown:?}");
    }
}

/// The command with a terminal as its streams; what that shows is its standard output.
fn on_terminal(command: &Command) -> Option<Command> {
    let quoted = |word: &OsStr| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''"));
    let program = std::iter::once(command.get_program());
    let words: Vec<_> = program.chain(command.get_args()).map(quoted).collect();
    let mut script = Command::new("script");
    script.args([
        "--quiet",
        "--return",
        "--command",
        &words.join(" "),
        "/dev/null",
    ]);
    script.env_clear();
    let variables = command.get_envs();
    script.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    script.env("TERM", "xterm").env("SHELL", "/bin/sh");
    script.current_dir(command.get_current_dir().unwrap());
    if Command::new("script").arg("--version").output().is_err() {
        skip("there is no program `script`, which makes terminals");
        return None;
    }
    Some(script)
}

fn steers(text: &str) -> bool {
    let is_bidirectional = |c| ('\u{202a}'..='\u{202e}').contains(&c);
    text.contains(|c: char| c != '\t' && c != '\n' && (c.is_control() || is_bidirectional(c)))
}

/// All texts in a value.
fn texts_of(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts_of).collect(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .flat_map(|(name, value)| [vec![&name[..]], texts_of(value)].concat())
                .collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn files_and_commits_do_not_control_the_terminal() {
    let Some(live) = live() else { return };
    let source = live.source(&[
        (
            ".s2i/environment",
            &format!("{TITLE}evil_proxy=http://a:b@c\n"),
        ),
        (".s2iignore", "[\u{1b}-\u{1}]\n"),
        (
            "instructions",
            &format!("print {TITLE}\u{202e}backwards\u{9b}31m\u{7f}"),
        ),
    ]);
    let repository = Repository::of(&source);
    std::fs::write(source.join("more"), "text").unwrap();
    repository.commit(&format!("{TITLE}sub\u{202e}ject"));
    for style in STYLES {
        let build = live.build_args(live.builder(), &[], source.as_os_str());
        let Some(done) = style.run(&live, &[], &build) else {
            continue;
        };
        style.shows_text(
            &done
                .succeeds()
                .says("backwards")
                .says("assemble alone gets these variables, the image does not: evil_proxy")
                .says(".s2iignore:1"),
        );
    }
}

#[test]
fn labels_do_not_control_the_terminal() {
    let Some(live) = live() else { return };
    let url = "ftp://\u{1b}]0;TITLE\u{7}\u{202e}example.org\u{9b}31m\u{7f}";
    let recipe = Recipe::builder().label(label::SCRIPTS_URL, url);
    let builder = live.load("labels", &recipe);
    let source = live.instructions("print never");
    for style in STYLES {
        let build = live.build_args(&builder, &[], source.as_os_str());
        let Some(done) = style.run(&live, &[], &build) else {
            continue;
        };
        assert!(!done.status.success());
        style.shows_text(&done.says("ftp://example.org"));
    }
    live.nothing_left();
}

#[test]
fn user_of_an_image_does_not_control_the_terminal() {
    let Some(live) = live() else { return };
    let mut recipe = Recipe::builder();
    recipe.user = "none\u{1b}]0;TITLE\u{7}\u{1b}[31m";
    let image = live.load("user", &recipe);
    for style in STYLES {
        let run = ["run", "--network", "none", &image, "/usr/libexec/s2i/run"];
        let run = run.map(OsString::from);
        let Some(done) = style.run(&live, &[], &run) else {
            continue;
        };
        assert!(!done.status.success());
        let no_user = "the image has no user `none`";
        let is_native = live.engine.is_native();
        style.shows_text(&done.says(if is_native { no_user } else { "none" }));
    }
    live.nothing_left();
}

#[test]
fn server_does_not_control_the_terminal() {
    let Some(live) = live() else { return };
    for style in STYLES {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("git://{}/app.git", server.local_addr().unwrap());
        let refusing = thread::spawn(move || {
            let (mut connection, _) = server.accept().unwrap();
            let mut request = Vec::new();
            BufReader::new(&connection)
                .read_until(b'\0', &mut request)
                .unwrap();
            let text = "ERR \u{1b}[31mno\u{202e} such\u{1b}[0m\u{9b}1m repository\n";
            write!(connection, "{:04x}{text}", text.len() + 4).unwrap();
        });
        let build = live.build_args(live.builder(), &[], OsStr::new(&url));
        let done = style.run(&live, &[], &build);
        if let Some(done) = done {
            assert!(!done.status.success());
            style.shows_text(&done.says("repository"));
            refusing.join().unwrap();
        }
    }
    live.nothing_left();
}

/// As programs write it that colour what they have found, show progress, or write JSON.
#[test]
fn secret_is_masked_in_the_printed_text() {
    let Some(live) = live() else { return };
    let (begin, end) = SECRET.split_at(4);
    let escaped = SECRET.replace('"', "\\\"");
    let lines = [
        format!("print 1 {begin}\u{1b}[1m{end}\u{1b}[0m"),
        format!("eprint 2 \u{1b}[01;31m\u{1b}[K{begin}\u{1b}[m\u{1b}[K{end}"),
        format!("print 3 {begin}\0{end}\u{7}"),
        format!("print 4 {begin}{TITLE}{end}"),
        format!("print 5 {begin}\u{202d}\u{200b}{end}"),
        format!("print 6 10%\r{begin}\u{8}{end}"),
        format!("print 7 {{\"key\": \"{escaped}\"}}"),
        "show-env KEY".to_owned(),
    ];
    let source = live.instructions(&lines.join("\n"));
    for style in STYLES {
        let options = ["--no-cache", "--secret", "id=KEY"];
        let build = live.build_args(live.builder(), &options, source.as_os_str());
        let Some(done) = style.run(&live, &[("KEY", SECRET)], &build) else {
            continue;
        };
        let done = done.succeeds();
        style.shows_text(&done);
        let shown: Vec<String> = done
            .lines
            .iter()
            .map(|line| shown_by(style, &line.text))
            .collect();
        let shown = shown.join("\n");
        for secret in [SECRET, &escaped, "ABCDEFGHij"] {
            assert!(!shown.contains(secret), "{style:?}: {shown}");
        }
        let masked = shown.matches("[redacted]").count();
        assert_eq!(masked, lines.len(), "{style:?}: {shown}");
    }
}

/// The texts of a line as people get to see them.
fn shown_by(style: Style, line: &str) -> String {
    match (style, serde_json::from_str(line)) {
        (Style::Json, Ok(event)) => texts_of(&event).join(" "),
        _ => line.to_owned(),
    }
}
