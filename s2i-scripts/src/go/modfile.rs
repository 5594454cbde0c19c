//! The lines of a go.mod or a go.work that have to be known before `go` itself reads it.

/// The content of a go.mod or a go.work that matters before `go` runs.
///
/// Lenient on purpose: `go` refuses errors, with better messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModFile {
    pub(crate) module: Option<String>,
    /// The version of Go that the module needs.
    pub(crate) go: Option<String>,
    /// The toolchain that the module prefers.
    pub(crate) toolchain: Option<String>,
    /// The directories of a workspace's modules.
    pub(crate) uses: Vec<String>,
}

impl ModFile {
    pub(crate) fn parse(text: &str) -> Self {
        let mut file = Self::default();
        let mut block: Option<String> = None;
        for line in text.lines() {
            let words = words(line);
            let (verb, values) = match (&block, words.split_first()) {
                (_, None) => continue,
                (Some(_), Some((first, []))) if first == ")" => {
                    block = None;
                    continue;
                }
                (Some(verb), Some(_)) => (verb.clone(), &words[..]),
                (None, Some((verb, rest))) if rest.first().is_some_and(|word| word == "(") => {
                    block = (rest.last().is_none_or(|word| word != ")")).then(|| verb.clone());
                    continue;
                }
                (None, Some((verb, rest))) => (verb.clone(), rest),
            };
            let field = match verb.as_str() {
                "module" => &mut file.module,
                "go" => &mut file.go,
                "toolchain" => &mut file.toolchain,
                "use" => {
                    file.uses.extend(values.first().cloned());
                    continue;
                }
                _ => continue,
            };
            if field.is_none() {
                *field = values.first().cloned();
            }
        }
        file
    }
}

/// Returns the name that `go install` gives a program of this import path: the last element that is not a major
/// version.
pub(crate) fn program_name(path: &str) -> Option<&str> {
    let name = match path.rsplit_once('/') {
        Some((before, last)) if is_major_version(last) => {
            before.rsplit('/').next().unwrap_or(before)
        }
        Some((_, last)) => last,
        None => path,
    };
    // gopkg.in puts the major version behind a dot.
    let name = match name.rsplit_once('.') {
        Some((before, last)) if path.starts_with("gopkg.in/") && is_major_version(last) => before,
        _ => name,
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~+".contains(c);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (is_name && name.chars().all(is_plain)).then_some(name)
}

fn is_major_version(text: &str) -> bool {
    text.strip_prefix('v')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns the words of a line, without its comment; a parenthesis is a word of its own.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            break;
        }
        let (word, after) = match first {
            '(' | ')' => (first.to_string(), &rest[1..]),
            '"' | '`' => quoted(&rest[1..], first),
            _ => {
                let is_end = |c: char| c.is_whitespace() || "()\"`".contains(c);
                let end = rest.find(is_end).unwrap_or(rest.len());
                let end = rest.find("//").map_or(end, |comment| end.min(comment));
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// Returns the content of a string whose opening quote is already gone, and what follows it.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut content = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            c if c == quote => return (content, &text[index + 1..]),
            '\\' if quote == '"' => content.extend(chars.next().map(|(_, c)| c)),
            c => content.push(c),
        }
    }
    (content, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, module: &str, go: &str, toolchain: &str) {
        let file = ModFile::parse(text);
        let actual =
            [&file.module, &file.go, &file.toolchain].map(|field| field.as_deref().unwrap_or("-"));
        assert_eq!(actual, [module, go, toolchain], "{text:?}");
    }

    #[test]
    fn lines_blocks_comments_and_quotes_are_read() {
        check("module a.b/c\n\ngo 1.24\n", "a.b/c", "1.24", "-");
        check(
            "module a\r\ngo 1.24.1\r\ntoolchain go1.25.0\r\n",
            "a",
            "1.24.1",
            "go1.25.0",
        );
        check(
            "// go 1.99\nmodule a // go 1.98\ngo 1.24// x\n",
            "a",
            "1.24",
            "-",
        );
        check(
            "module \"a/b\"\ngo `1.24`\ntoolchain default",
            "a/b",
            "1.24",
            "default",
        );
        check("module (\n  a/b\n)\ngo 1.24", "a/b", "1.24", "-");
        check(
            "require (\n  go 1.99\n  gopkg.in/x v1\n)\nrequire go 1.98\ngo 1.24",
            "-",
            "1.24",
            "-",
        );
        check("require ( )\ngo 1.24", "-", "1.24", "-");
        check(
            "exclude (\n\n// )\n)\n\tgo\t1.24\ngo 1.25",
            "-",
            "1.24",
            "-",
        );
        check("gopher 1\ngo\nmodule", "-", "-", "-");
    }

    #[test]
    fn workspaces_name_their_modules() {
        let file = ModFile::parse(
            "go 1.25\n\nuse ./a // first\nuse (\n\t./b/c\n\t\"./d e\"\n)\nreplace x => ./y\n",
        );
        assert_eq!(file.uses, ["./a", "./b/c", "./d e"]);
        assert_eq!(file.go.as_deref(), Some("1.25"));
    }

    #[test]
    fn programs_are_named_as_by_go() {
        for (path, expected) in [
            ("example.com/shop", Some("shop")),
            ("example.com/shop/v2", Some("shop")),
            ("shop", Some("shop")),
            ("v2", Some("v2")),
            ("gopkg.in/shop.v2", Some("shop")),
            ("example.com/shop.v2", Some("shop.v2")),
            ("example.com/very", Some("very")),
            ("example.com/v2x", Some("v2x")),
            ("example.com/", None),
            ("..", None),
            ("a/.hidden", None),
            ("a b", None),
        ] {
            assert_eq!(program_name(path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(module|go|toolchain|require|[ ()\"`/\\\\\r\n\tvé.0-9a-c]){0,60}") {
            let file = ModFile::parse(&text);
            let name = file.module.as_deref().and_then(program_name).unwrap_or("app");
            prop_assert!(!name.is_empty() && !name.contains('/') && !name.starts_with('.'));
        }

        #[test]
        fn line_ends_do_not_matter(lines in proptest::collection::vec("(module|go|require) [a-c(). ]{0,8}|\\)", 0..8)) {
            prop_assert_eq!(ModFile::parse(&lines.join("\n")), ModFile::parse(&lines.join("\r\n")));
        }
    }
}
