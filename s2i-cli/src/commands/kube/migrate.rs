//! `s2i kube import-buildconfig`.

use std::process::ExitCode;

use s2i_build::CancelToken;
use s2i_kube::openshift::{Migration, migrate};
use serde_json::json;

use crate::{args::kube::Import, context::CommandContext, error::Error};

/// Shows the commands, as a script whose comments have what they lack.
pub(super) async fn run(
    args: &Import,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let objects = super::read(&args.file, context, cancel).await?;
    let builds = migrate(&objects);
    if builds.is_empty() {
        context.warn(args.file.display().to_string(), "has no BuildConfig");
    }
    let as_json = builds
        .iter()
        .map(|build| json!({"name": build.name, "command": build.command, "notes": build.notes}));
    let object = json!({"event": "import", "builds": as_json.collect::<Vec<_>>()});
    let text: Vec<String> = builds.iter().map(to_text).collect();
    context.renderer().answer(&text.join("\n"), &object);
    Ok(ExitCode::SUCCESS)
}

fn to_text(build: &Migration) -> String {
    let mut lines = vec![comment(&format!("BuildConfig {}", build.name))];
    lines.extend(build.notes.iter().map(|note| comment(note)));
    lines.extend(build.command.iter().map(|command| {
        let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        words.join(" ")
    }));
    lines.join("\n") + "\n"
}

/// Returns a comment of one line. A line break in a name does not end it.
fn comment(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("# {}", words.join(" "))
}

/// Returns a word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:@%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("--env=A=b"), "--env=A=b");
        assert_eq!(
            quoted("https://git.example.org/a#main"),
            "'https://git.example.org/a#main'"
        );
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn no_name_ends_a_comment() {
        let build = Migration {
            name: "a".into(),
            command: None,
            notes: vec!["`x\nrm -r /`, the builder".into()],
        };
        assert_eq!(
            to_text(&build),
            "# BuildConfig a\n# `x rm -r /`, the builder\n"
        );
    }
}
