//! The arguments of `tar`, in the old form (`xzf FILE`), the short and the long one.

use std::{
    collections::VecDeque,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::exclude::Exclude;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// `-c`
    Create,
    /// `-x`
    Extract,
    /// `-t`
    List,
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Arguments {
    /// What to do.
    pub(super) mode: Mode,
    /// The archive; standard input or output when there is none.
    pub(super) file: Option<PathBuf>,
    /// Where files are, or go to.
    pub(super) directory: PathBuf,
    /// What to archive, each with the directory that it is in, or which entries to take.
    pub(super) operands: Vec<(PathBuf, String)>,
    /// What to leave out.
    pub(super) exclude: Exclude,
    /// Whether a new archive is compressed.
    pub(super) is_gzip: bool,
    /// Whether names are printed.
    pub(super) is_verbose: bool,
    /// Whether links are archived as what they lead to.
    pub(super) follows_links: bool,
    /// The leading components that names lose.
    pub(super) strip: usize,
    /// Whether files get the owner that the archive names; root's do, unless told otherwise.
    pub(super) keeps_owners: Option<bool>,
    /// The owner that entries get.
    pub(super) owner: Option<u32>,
    /// The group that entries get.
    pub(super) group: Option<u32>,
    /// The time that entries get, in seconds since 1970.
    pub(super) mtime: Option<u64>,
}

/// Long options without a value, and the letters that they stand for. `.` is what is done anyhow.
const FLAGS: [(&str, char); 19] = [
    ("create", 'c'),
    ("extract", 'x'),
    ("get", 'x'),
    ("list", 't'),
    ("gzip", 'z'),
    ("gunzip", 'z'),
    ("ungzip", 'z'),
    ("verbose", 'v'),
    ("dereference", 'h'),
    ("no-same-owner", 'o'),
    ("same-owner", '='),
    ("preserve-permissions", 'p'),
    ("same-permissions", 'p'),
    ("no-same-permissions", '.'),
    ("numeric-owner", '.'),
    ("overwrite", '.'),
    ("no-xattrs", '.'),
    ("no-acls", '.'),
    ("no-selinux", '.'),
];

/// Long options with a value, and the letters that they stand for.
const VALUES: [(&str, char); 10] = [
    ("file", 'f'),
    ("directory", 'C'),
    ("exclude", 'E'),
    ("strip-components", 'S'),
    ("strip", 'S'),
    ("owner", 'U'),
    ("group", 'G'),
    ("mtime", 'M'),
    ("sort", '.'),
    ("warning", '.'),
];

/// Letters of short options with a value.
const SHORT_VALUES: &str = "fC";

/// What is left of the arguments, and what was understood so far.
struct Parser {
    args: VecDeque<OsString>,
    mode: Option<Mode>,
    patterns: Vec<String>,
    found: Arguments,
}

impl Arguments {
    /// Understands the arguments without the name. The error is a text.
    pub(super) fn parse(args: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let found = Self {
            mode: Mode::List,
            file: None,
            directory: PathBuf::new(),
            operands: Vec::new(),
            exclude: Exclude::default(),
            is_gzip: false,
            is_verbose: false,
            follows_links: false,
            strip: 0,
            keeps_owners: None,
            owner: None,
            group: None,
            mtime: None,
        };
        let mut parser = Parser {
            args: args.collect(),
            mode: None,
            patterns: Vec::new(),
            found,
        };
        parser.run()?;
        let Parser {
            mode,
            patterns,
            mut found,
            ..
        } = parser;
        found.mode = mode.ok_or("it needs one of `-c`, `-x` and `-t`")?;
        found.exclude = Exclude::new(&patterns)?;
        Ok(found)
    }
}

impl Parser {
    fn run(&mut self) -> Result<(), String> {
        let mut is_first = true;
        let mut has_options = true;
        while let Some(arg) = self.args.pop_front() {
            let text = arg.to_string_lossy().into_owned();
            let long = text.strip_prefix("--").filter(|_| has_options);
            if long == Some("") {
                has_options = false;
            } else if let Some(long) = long {
                self.long(long)?;
            } else if has_options && text.len() > 1 && text.starts_with('-') {
                self.short(&text[1..])?;
            } else if is_first && has_options {
                self.old(&text)?;
            } else {
                self.found
                    .operands
                    .push((self.found.directory.clone(), text));
            }
            is_first = false;
        }
        Ok(())
    }

    fn long(&mut self, option: &str) -> Result<(), String> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option, None),
        };
        let find = |options: &[(&str, char)]| {
            let mut options = options.iter();
            options.find_map(|&(known, letter)| (known == name).then_some(letter))
        };
        if let Some(letter) = find(&FLAGS) {
            return self.flag(letter, option);
        }
        let letter = find(&VALUES).ok_or_else(|| format!("there is no option `--{name}`"))?;
        let value = match value {
            Some(value) => value,
            None => self.value(name)?,
        };
        self.take(letter, &value)
    }

    /// Letters after a dash, where what follows a letter with a value is that value.
    fn short(&mut self, letters: &str) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            if SHORT_VALUES.contains(letter) {
                let rest = &letters[at + letter.len_utf8()..];
                let value = if rest.is_empty() {
                    self.value(&letter.to_string())?
                } else {
                    rest.to_owned()
                };
                return self.take(letter, &value);
            }
            self.flag(letter, letters)?;
        }
        Ok(())
    }

    /// Letters without a dash, whose values are the arguments after them in the same order.
    fn old(&mut self, letters: &str) -> Result<(), String> {
        for letter in letters.chars() {
            if SHORT_VALUES.contains(letter) {
                let value = self.value(&letter.to_string())?;
                self.take(letter, &value)?;
            } else {
                self.flag(letter, letters)?;
            }
        }
        Ok(())
    }

    fn value(&mut self, name: &str) -> Result<String, String> {
        let value = self.args.pop_front();
        let value = value.ok_or_else(|| format!("the option `{name}` needs a value"))?;
        Ok(value.to_string_lossy().into_owned())
    }

    fn flag(&mut self, letter: char, option: &str) -> Result<(), String> {
        let found = &mut self.found;
        match letter {
            'c' => self.mode = Some(Mode::Create),
            'x' => self.mode = Some(Mode::Extract),
            't' => self.mode = Some(Mode::List),
            'z' => found.is_gzip = true,
            'v' => found.is_verbose = true,
            'h' => found.follows_links = true,
            'o' => found.keeps_owners = Some(false),
            '=' => found.keeps_owners = Some(true),
            // Permissions are kept in any case, and blocks have one size.
            'p' | 'B' | '.' => {}
            'j' | 'J' => return Err("of all compressions it knows gzip alone".into()),
            _ => return Err(format!("there is no option `{letter}` in `{option}`")),
        }
        Ok(())
    }

    fn take(&mut self, letter: char, value: &str) -> Result<(), String> {
        let found = &mut self.found;
        let number = |text: &str| -> Result<u64, String> {
            text.parse().map_err(|_| format!("`{text}` is no number"))
        };
        // `name:number` is allowed, and names alone mean nothing in an image.
        let id = |text: &str| -> Result<u32, String> {
            let id = text.rsplit_once(':').map_or(text, |(_, id)| id);
            let id = number(if id == "root" { "0" } else { id })?;
            id.try_into()
                .map_err(|_| format!("`{id}` is no number of a user or group"))
        };
        match letter {
            'f' => found.file = (value != "-").then(|| value.into()),
            'C' => found.directory = Path::join(&found.directory, value),
            'E' => self.patterns.push(value.to_owned()),
            'S' => {
                let count = number(value)?;
                found.strip = count
                    .try_into()
                    .map_err(|_| format!("{count} is too many"))?;
            }
            'U' => found.owner = Some(id(value)?),
            'G' => found.group = Some(id(value)?),
            'M' => {
                let seconds = value.strip_prefix('@');
                let seconds = seconds.ok_or("times are given as `@SECONDS`")?;
                found.mtime = Some(number(seconds)?);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn all_forms_say_the_same() {
        for line in [
            "xzf a.tgz -C d x",
            "-xzf a.tgz -C d x",
            "-x -z -fa.tgz -Cd x",
            "--extract --gzip --file=a.tgz --directory d x",
            "xzfC a.tgz d x",
            "-C d -xzf a.tgz -- x",
        ] {
            let args = parse(line).unwrap();
            assert_eq!(args.mode, Mode::Extract, "{line}");
            assert_eq!(args.file.as_deref(), Some(Path::new("a.tgz")), "{line}");
            assert_eq!(args.directory, Path::new("d"), "{line}");
            assert_eq!(args.operands, [("d".into(), "x".into())], "{line}");
            assert!(args.is_gzip, "{line}");
        }
    }

    #[test]
    fn a_directory_is_for_what_comes_after_it() {
        let args = parse("-cf - a -C b c -C d e --owner=0 --group root:7 --mtime=@9").unwrap();
        let at = |dir: &str, name: &str| (dir.into(), name.into());
        assert_eq!(args.operands, [at("", "a"), at("b", "c"), at("b/d", "e")]);
        assert_eq!((args.mode, args.file), (Mode::Create, None));
        assert_eq!(
            (args.owner, args.group, args.mtime),
            (Some(0), Some(7), Some(9))
        );
    }

    #[test]
    fn wrong_calls() {
        let err = |line| parse(line).map(drop).unwrap_err();
        assert_eq!(err("-f a"), "it needs one of `-c`, `-x` and `-t`");
        assert_eq!(err("-xjf a"), "of all compressions it knows gzip alone");
        assert_eq!(err("-xf"), "the option `f` needs a value");
        assert_eq!(err("-xq"), "there is no option `q` in `xq`");
        assert_eq!(err("--foo"), "there is no option `--foo`");
        assert_eq!(err("-x --strip-components=a"), "`a` is no number");
    }
}
