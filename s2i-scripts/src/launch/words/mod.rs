//! Command lines without a shell.
//!
//! Most start scripts and Procfiles are simple: words, quotes, variables, assignments in front, and one
//! command after the other. Everything else is left to a shell, so that the result is that of a shell.

/// A command of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Simple {
    /// The variables that the line assigns for this command.
    pub(crate) assignments: Vec<(String, String)>,
    /// Its words; never empty.
    pub(crate) words: Vec<String>,
}

/// The error for a line that only a shell can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeedsShell;

/// Words that a shell does not take for programs.
const RESERVED: &[&str] = &[
    "!", ".", ":", "[[", "alias", "bg", "break", "case", "command", "continue", "do", "done",
    "elif", "else", "esac", "eval", "exit", "export", "fc", "fg", "fi", "for", "function",
    "getopts", "hash", "if", "in", "jobs", "local", "read", "readonly", "return", "select", "set",
    "shift", "source", "then", "time", "times", "trap", "type", "ulimit", "umask", "unalias",
    "unset", "until", "wait", "while",
];

/// Returns the commands of a line, each to be run when the one before has succeeded.
///
/// `lookup` gives the values of variables.
pub(crate) fn parse(
    line: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Simple>, NeedsShell> {
    let mut commands = Vec::new();
    let mut reader = Reader {
        rest: line.trim_matches([' ', '\t', '\n']),
        lookup,
    };
    loop {
        let command = reader.command()?;
        commands.push(command);
        match reader.rest.strip_prefix("&&") {
            Some(rest) => reader.rest = rest,
            None if reader.rest.is_empty() => return Ok(commands),
            None => return Err(NeedsShell),
        }
    }
}

/// Returns the words of a list in which only quotes and backslashes are special; a quote without an end
/// goes to the end.
pub(crate) fn split(list: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = list.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(end)) if c == end => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A word while it is read.
#[derive(Default)]
struct Word {
    text: String,
    /// It is a word even if it has no text.
    is_quoted: bool,
    /// The words that an unquoted variable has put before it.
    before: Vec<String>,
    /// A part of it is quoted or the value of a variable.
    is_expanded: bool,
    /// The position of the `=` of an assignment.
    equals: Option<usize>,
}

struct Reader<'a> {
    rest: &'a str,
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    /// Reads up to `&&` or the end.
    fn command(&mut self) -> Result<Simple, NeedsShell> {
        let mut command = Simple::default();
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            if self.rest.is_empty() || self.rest.starts_with("&&") {
                break;
            }
            let word = self.word(command.words.is_empty())?;
            let is_first = command.words.is_empty();
            // Behind the program's name it would be an argument, which white space may have divided.
            if let Some(assignment) = is_first.then(|| assignment(&word)).flatten() {
                command.assignments.push(assignment);
                continue;
            }
            let is_word = word.is_quoted || !word.text.is_empty();
            if is_first && RESERVED.contains(&word.text.as_str()) {
                return Err(NeedsShell);
            }
            command.words.extend(word.before);
            command.words.extend(is_word.then_some(word.text));
        }
        match command.words.first().map(String::as_str) {
            Some("exec") if command.words.len() > 1 => {
                command.words.remove(0);
                Ok(command)
            }
            None | Some("exec") => Err(NeedsShell),
            Some(_) => Ok(command),
        }
    }

    fn word(&mut self, may_assign: bool) -> Result<Word, NeedsShell> {
        let mut word = Word::default();
        let start = self.rest;
        while let Some(c) = self.rest.chars().next() {
            match c {
                ' ' | '\t' => break,
                '&' if self.rest.starts_with("&&") => break,
                '|' | '&' | ';' | '<' | '>' | '(' | ')' | '`' | '\n' | '*' | '?' | '[' | '{'
                | '}' | '\r' => return Err(NeedsShell),
                '~' | '#' if self.rest.len() == start.len() => return Err(NeedsShell),
                // A shell expands it behind `=` and `:` of an assignment.
                '~' if may_assign => return Err(NeedsShell),
                '\'' => self.single(&mut word)?,
                '"' => self.double(&mut word)?,
                '\\' => {
                    let mut chars = self.rest[1..].chars();
                    let escaped = chars.next().filter(|&c| c != '\n').ok_or(NeedsShell)?;
                    word.quote(|text| text.push(escaped));
                    self.rest = chars.as_str();
                }
                '$' => {
                    let value = self.variable()?;
                    word.is_expanded = true;
                    if word.equals.is_some() && may_assign {
                        word.text.push_str(&value);
                    } else {
                        word.split(&value);
                    }
                }
                c => {
                    let is_name = !word.is_expanded && name_end(&word.text) == word.text.len();
                    if c == '=' && is_name && !word.text.is_empty() && word.equals.is_none() {
                        word.equals = Some(word.text.len());
                    }
                    word.text.push(c);
                    self.rest = &self.rest[c.len_utf8()..];
                }
            }
        }
        Ok(word)
    }

    fn single(&mut self, word: &mut Word) -> Result<(), NeedsShell> {
        let (text, rest) = self.rest[1..].split_once('\'').ok_or(NeedsShell)?;
        word.quote(|to| to.push_str(text));
        self.rest = rest;
        Ok(())
    }

    fn double(&mut self, word: &mut Word) -> Result<(), NeedsShell> {
        self.rest = &self.rest[1..];
        let mut content = String::new();
        loop {
            match self.rest.chars().next().ok_or(NeedsShell)? {
                '"' => break,
                '`' => return Err(NeedsShell),
                '$' => content.push_str(&self.variable()?),
                '\\' => {
                    let escaped = self.rest[1..].chars().next().ok_or(NeedsShell)?;
                    match escaped {
                        '$' | '`' | '"' | '\\' => content.push(escaped),
                        '\n' => {}
                        other => content.extend(['\\', other]),
                    }
                    self.rest = &self.rest[1 + escaped.len_utf8()..];
                }
                c => {
                    content.push(c);
                    self.rest = &self.rest[c.len_utf8()..];
                }
            }
        }
        self.rest = &self.rest[1..];
        word.quote(|to| to.push_str(&content));
        Ok(())
    }

    /// Reads the value of `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME-default}`.
    fn variable(&mut self) -> Result<String, NeedsShell> {
        let after = &self.rest[1..];
        let braced = after.strip_prefix('{');
        let after = braced.unwrap_or(after);
        let (name, after) = after.split_at(name_end(after));
        if name.is_empty() {
            return Err(NeedsShell);
        }
        let value = (self.lookup)(name);
        if braced.is_none() {
            self.rest = after;
            return Ok(value.unwrap_or_default());
        }
        let (operator, after) = after.split_once('}').ok_or(NeedsShell)?;
        let (default, value) = match (operator.strip_prefix(":-"), operator.strip_prefix('-')) {
            (Some(default), _) => (default, value.filter(|value| !value.is_empty())),
            (None, Some(default)) => (default, value),
            (None, None) if operator.is_empty() => ("", value),
            (None, None) => return Err(NeedsShell),
        };
        if default.contains(['$', '"', '\'', '\\', '`', '{', '~', '*', '?', '[']) {
            return Err(NeedsShell);
        }
        self.rest = after;
        Ok(value.unwrap_or_else(|| default.to_owned()))
    }
}

impl Word {
    fn quote(&mut self, add: impl FnOnce(&mut String)) {
        self.is_quoted = true;
        self.is_expanded = true;
        add(&mut self.text);
    }

    /// Adds the value of an unquoted variable, which white space divides.
    fn split(&mut self, value: &str) {
        for c in value.chars() {
            if matches!(c, ' ' | '\t' | '\n') {
                if self.is_quoted || !self.text.is_empty() {
                    self.before.push(std::mem::take(&mut self.text));
                    self.is_quoted = false;
                }
            } else {
                self.text.push(c);
            }
        }
    }
}

/// Returns the name and the value, if the word is an assignment.
fn assignment(word: &Word) -> Option<(String, String)> {
    let (name, value) = word.text.split_at(word.equals?);
    Some((name.to_owned(), value[1..].to_owned()))
}

/// Returns the length of the variable's name that a text begins with.
fn name_end(text: &str) -> usize {
    let is_digit = |c: char| c.is_ascii_digit();
    if text.starts_with(is_digit) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests;
