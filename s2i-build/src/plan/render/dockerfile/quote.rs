//! Texts in the grammars of Dockerfiles and shells.

use super::DockerfileError;

/// Returns a name of a variable, as shells have them. One of the source could be anything.
pub(super) fn variable_name(name: &str) -> Result<&str, DockerfileError> {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name =
        name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit());
    if is_name {
        Ok(name)
    } else {
        Err(DockerfileError::Name(name.into()))
    }
}

/// Returns a word of a shell.
pub(super) fn word(text: &str) -> Result<String, DockerfileError> {
    check(text, text)?;
    if is_plain(text) {
        return Ok(text.into());
    }
    Ok(format!("'{}'", text.replace('\'', "'\\''")))
}

/// Returns a word of an instruction or of one of its options, which have no quotes.
pub(super) fn plain(text: &str) -> Result<&str, DockerfileError> {
    if is_plain(text) {
        return Ok(text);
    }
    Err(DockerfileError::Path(text.into()))
}

fn is_plain(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=,".contains(c);
    !text.is_empty() && text.chars().all(is_plain)
}

/// Returns a value in the quotes of a Dockerfile.
pub(super) fn quoted(name: &str, value: &str) -> Result<String, DockerfileError> {
    check(name, value)?;
    let escaped = value.chars().flat_map(|c| {
        let escape = matches!(c, '$' | '"' | '\\').then_some('\\');
        escape.into_iter().chain([c])
    });
    Ok(format!("\"{}\"", escaped.collect::<String>()))
}

/// Returns the source and the destination of `COPY`.
pub(super) fn paths(from: &str, into: &str) -> Result<String, DockerfileError> {
    check(into, into)?;
    // Dockerfiles replace variables and patterns, and remove quotes, in the list form as well.
    let replaced = ['$', '\\', '\'', '"'];
    if from.contains(replaced) || from.contains(['*', '?', '[']) || into.contains(replaced) {
        return Err(DockerfileError::Path(format!("{from} {into}")));
    }
    if is_plain(from) && is_plain(into) {
        return Ok(format!("{from} {into}"));
    }
    Ok(serde_json::json!([from, into]).to_string())
}

fn check(name: &str, value: &str) -> Result<(), DockerfileError> {
    if value.chars().any(char::is_control) {
        return Err(DockerfileError::Control(name.into()));
    }
    Ok(())
}
