//! How a shell is called: `sh [-e...] [-o OPTION] [-c COMMAND [NAME] | -s | FILE] [ARGUMENT...]`.

use std::io::{self, IsTerminal};

/// Options that go to the shell's own `set`.
const SET: &str = "abefhmnuvxBCEHPT";

/// Long options of bash that change nothing here: there are no start files and no line editor.
const NO_MEANING: [&str; 6] = [
    "login",
    "noediting",
    "noprofile",
    "norc",
    "posix",
    "restricted",
];

/// A call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Invocation {
    /// Where commands come from.
    pub(super) source: Source,
    /// `$0`.
    pub(super) name: String,
    /// `$1` and so on.
    pub(super) args: Vec<String>,
    /// Whether somebody types the commands.
    pub(super) is_interactive: bool,
    /// Whether commands are printed.
    pub(super) is_traced: bool,
    /// Arguments for `set`.
    options: Vec<String>,
}

/// Where commands come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Source {
    /// The argument of `-c`.
    Command(String),
    /// A script.
    File(String),
    /// Standard input.
    #[default]
    Input,
}

impl Invocation {
    /// Understands the arguments, of which the first is the name of the shell. The error is a text.
    pub(super) fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut args = args.into_iter();
        let mut call = Self {
            name: args.next().unwrap_or_else(|| "sh".into()),
            ..Self::default()
        };
        let (mut takes_command, mut takes_input, mut is_interactive) = (false, false, false);
        let mut operands = Vec::new();
        while let Some(arg) = args.next() {
            let (sign, letters) = match arg.chars().next() {
                Some(sign @ ('-' | '+')) if arg.len() > 1 => (sign, &arg[1..]),
                _ => {
                    operands.extend((arg != "-").then_some(arg));
                    break;
                }
            };
            if let Some(long) = letters.strip_prefix('-') {
                match long {
                    "" => break,
                    _ if NO_MEANING.contains(&long) => continue,
                    _ => return Err(format!("there is no option `{arg}`")),
                }
            }
            for letter in letters.chars() {
                match letter {
                    'c' => takes_command = true,
                    's' => takes_input = true,
                    'i' => is_interactive = true,
                    'l' => {}
                    'o' | 'O' => {
                        let option = args.next();
                        let option = option.ok_or_else(|| format!("`{arg}` needs a name"))?;
                        call.options.extend([format!("{sign}{letter}"), option]);
                    }
                    letter if SET.contains(letter) => {
                        call.is_traced |= letter == 'x';
                        call.options.push(format!("{sign}{letter}"));
                    }
                    _ => return Err(format!("there is no option `{sign}{letter}`")),
                }
            }
        }
        operands.extend(args);
        call.take(operands, takes_command, takes_input)?;
        let is_typed = io::stdin().is_terminal() && io::stderr().is_terminal();
        call.is_interactive = is_interactive || (call.source == Source::Input && is_typed);
        Ok(call)
    }

    fn take(
        &mut self,
        operands: Vec<String>,
        takes_command: bool,
        takes_input: bool,
    ) -> Result<(), String> {
        let mut operands = operands.into_iter();
        if takes_command {
            let command = operands.next().ok_or("`-c` needs a command")?;
            self.source = Source::Command(command);
            self.name = operands.next().unwrap_or_else(|| self.name.clone());
        } else if !takes_input && let Some(file) = operands.next() {
            self.name.clone_from(&file);
            self.source = Source::File(file);
        }
        self.args = operands.collect();
        Ok(())
    }

    /// The command that sets the options, if there are any.
    pub(super) fn set_command(&self) -> Option<String> {
        let words = self.options.iter().map(|option| {
            let quoted = option.replace('\'', "'\\''");
            format!("'{quoted}'")
        });
        let words = words.collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then(|| format!("set {words}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<(Source, String, Vec<String>, Option<String>), String> {
        let args = ["sh"].iter().chain(args).map(ToString::to_string);
        let call = Invocation::parse(args)?;
        let set = call.set_command();
        Ok((call.source, call.name, call.args, set))
    }

    #[track_caller]
    fn check(args: &[&str], source: Source, name: &str, rest: &[&str], set: Option<&str>) {
        let rest = rest.iter().map(ToString::to_string).collect();
        let expected = (source, name.into(), rest, set.map(Into::into));
        assert_eq!(parse(args), Ok(expected));
    }

    #[test]
    fn calls() {
        let command = || Source::Command("a".into());
        let file = || Source::File("f".into());
        check(&["-c", "a"], command(), "sh", &[], None);
        check(&["-c", "a", "n", "-x"], command(), "n", &["-x"], None);
        check(&["-ec", "a"], command(), "sh", &[], Some("set '-e'"));
        check(&["-ce", "a"], command(), "sh", &[], Some("set '-e'"));
        check(&["-c", "-e", "a"], command(), "sh", &[], Some("set '-e'"));
        check(&["-c", "--", "a"], command(), "sh", &[], None);
        check(
            &["-eo", "pipefail", "-c", "a"],
            command(),
            "sh",
            &[],
            Some("set '-e' '-o' 'pipefail'"),
        );
        check(&["+e", "f", "-e"], file(), "f", &["-e"], Some("set '+e'"));
        check(&["--login", "f"], file(), "f", &[], None);
        check(&["-"], Source::Input, "sh", &[], None);
        check(&["-s", "1", "2"], Source::Input, "sh", &["1", "2"], None);
        check(&[], Source::Input, "sh", &[], None);
    }

    #[test]
    fn wrong_calls() {
        assert_eq!(parse(&["-c"]), Err("`-c` needs a command".into()));
        assert_eq!(parse(&["-y"]), Err("there is no option `-y`".into()));
        assert_eq!(parse(&["--y"]), Err("there is no option `--y`".into()));
        assert_eq!(parse(&["-eo"]), Err("`-eo` needs a name".into()));
    }
}
