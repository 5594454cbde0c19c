//! The words of an instruction, and the variables in them.

use std::str::Chars;

use super::Lookup;
use crate::bounds;

/// The levels of `${NAME:-${NAME:-…}}`.
const LEVELS: usize = 16;

/// The reason why a word can't be used.
pub(super) enum Fault {
    /// The fault, as the rest of a sentence about the word.
    Word(&'static str),
    /// The word or its value is too long.
    TooLong,
    /// An operator of `${NAME…}` that is not known.
    Operator(String),
}

/// Returns the words of a line, which keep their quotes.
pub(super) fn split(line: &str) -> Result<Vec<&str>, Fault> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = end_of_word(rest)?;
        words.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    Ok(words)
}

/// Returns the length of the first word.
fn end_of_word(text: &str) -> Result<usize, Fault> {
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match (quote, character) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => {
                characters.next();
            }
            (None, '\'' | '"') => quote = Some(character),
            (None, character) if character.is_whitespace() => return Ok(place),
            _ => {}
        }
    }
    if quote.is_some() {
        return Err(Fault::Word("has a quote without its end"));
    }
    Ok(text.len())
}

/// Returns the pairs of a line of `NAME=VALUE`, or the one of the old form `NAME VALUE`; `None` if it has none.
pub(super) fn pairs(line: &str) -> Result<Option<Vec<(&str, &str)>>, Fault> {
    let end = end_of_word(line)?;
    if !line[..end].contains('=') {
        let value = line[end..].trim_start();
        let is_pair = end > 0 && !value.is_empty();
        return Ok(is_pair.then(|| vec![(&line[..end], value)]));
    }
    let words = split(line)?;
    Ok(words.into_iter().map(|word| word.split_once('=')).collect())
}

/// Returns a word without its quotes, and with the values of variables.
pub(super) fn expanded(word: &str, variables: Lookup<'_>) -> Result<String, Fault> {
    let characters = word.chars();
    let mut expansion = Expansion {
        characters,
        variables,
    };
    expansion.until(None, 0)
}

struct Expansion<'a> {
    characters: Chars<'a>,
    variables: Lookup<'a>,
}

impl Expansion<'_> {
    /// Returns the text up to the end or to `stop`, which is consumed.
    fn until(&mut self, stop: Option<char>, level: usize) -> Result<String, Fault> {
        if level > LEVELS {
            return Err(Fault::TooLong);
        }
        let mut text = String::new();
        while let Some(character) = self.characters.next() {
            match character {
                _ if Some(character) == stop => return Ok(text),
                '\'' => self.single(&mut text)?,
                '"' => self.double(&mut text, level)?,
                '\\' => text.extend(self.characters.next()),
                '$' => text.push_str(&self.variable(level)?),
                _ => text.push(character),
            }
            if text.len() > bounds::TRIGGER {
                return Err(Fault::TooLong);
            }
        }
        match stop {
            Some(_) => Err(Fault::Word("has a `${` without its end")),
            None => Ok(text),
        }
    }

    fn single(&mut self, text: &mut String) -> Result<(), Fault> {
        for character in self.characters.by_ref() {
            if character == '\'' {
                return Ok(());
            }
            text.push(character);
        }
        Err(Fault::Word("has a quote without its end"))
    }

    fn double(&mut self, text: &mut String, level: usize) -> Result<(), Fault> {
        while let Some(character) = self.characters.next() {
            match character {
                '"' => return Ok(()),
                '$' => text.push_str(&self.variable(level)?),
                '\\' => match self.characters.next() {
                    Some(next @ ('"' | '$' | '\\')) => text.push(next),
                    next => {
                        text.push('\\');
                        text.extend(next);
                    }
                },
                _ => text.push(character),
            }
            if text.len() > bounds::TRIGGER {
                return Err(Fault::TooLong);
            }
        }
        Err(Fault::Word("has a quote without its end"))
    }

    /// Returns the value of the variable whose `$` was consumed.
    fn variable(&mut self, level: usize) -> Result<String, Fault> {
        let Some(rest) = self.characters.as_str().strip_prefix('{') else {
            let name = name_at(self.characters.as_str());
            self.skip(name.len());
            return Ok(match name {
                "" => "$".into(),
                name => (self.variables)(name).unwrap_or_default(),
            });
        };
        let name = name_at(rest);
        let after = &rest[name.len()..];
        self.skip(1 + name.len());
        let value = (self.variables)(name);
        if let ("", _) | (_, "") = (name, after) {
            return Err(Fault::Word("has a `${` without a name or its end"));
        }
        let (operator, is_set) = match after.strip_prefix(':') {
            Some(operator) => (
                operator,
                value.as_ref().is_some_and(|value| !value.is_empty()),
            ),
            None => (after, value.is_some()),
        };
        let operator_length = after.len() - operator.len();
        match operator.chars().next() {
            Some('}') if operator_length == 0 => {
                self.skip(1);
                Ok(value.unwrap_or_default())
            }
            Some(sign @ ('-' | '+')) => {
                self.skip(operator_length + 1);
                let other = self.until(Some('}'), level + 1)?;
                Ok(match (sign, is_set) {
                    ('-', true) => value.unwrap_or_default(),
                    ('-', false) | ('+', true) => other,
                    _ => String::new(),
                })
            }
            _ => {
                let shown = after.chars().take(2).collect::<String>();
                Err(Fault::Operator(format!("${{{name}{shown}…}}")))
            }
        }
    }

    /// Consumes this many bytes, which are ASCII.
    fn skip(&mut self, count: usize) {
        self.characters.by_ref().take(count).for_each(drop);
    }
}

/// Returns the name of a variable at the start of a text; empty if there is none.
fn name_at(text: &str) -> &str {
    let is_part = |character: char| character == '_' || character.is_ascii_alphanumeric();
    let end = text.find(|character| !is_part(character));
    let name = &text[..end.unwrap_or(text.len())];
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return "";
    }
    name
}
