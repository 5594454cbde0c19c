//! The removal of comments from Go source.
//!
//! Comments become blanks, and blanks at the ends of lines are removed, so that every token keeps its line and
//! column, and positions in errors and traces stay right. Comments for the toolchain are kept. The others take
//! 8.0 MB of an image, and 2.5 MB of a compressed one. Go's assembler has the same comments and literals, so its
//! source is processed in the same way.

/// The comments for the toolchain.
const DIRECTIVES: &[&[u8]] = &[
    b"//go:",
    b"//line ",
    b"//export ",
    b"// +build",
    b"//extern ",
    b"/*line ",
];

/// Returns the source without comments. Invalid Go is not rejected, and the result for it is undefined.
pub(super) fn without_comments(source: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(source.len());
    let mut at = 0;
    while let Some(&byte) = source.get(at) {
        let rest = &source[at..];
        let length = match byte {
            b'/' if rest.starts_with(b"//") => find(rest, b"\n").unwrap_or(rest.len()),
            b'/' if rest.starts_with(b"/*") => {
                find(&rest[2..], b"*/").map_or(rest.len(), |end| end + 4)
            }
            b'"' | b'\'' => quoted(rest, byte),
            b'`' => find(&rest[1..], b"`").map_or(rest.len(), |end| end + 2),
            _ => 1,
        };
        let token = &rest[..length];
        let is_comment = token.starts_with(b"//") || token.starts_with(b"/*");
        let mut directives = DIRECTIVES.iter();
        if is_comment && !directives.any(|directive| token.starts_with(directive)) {
            for &byte in token {
                push(&mut out, if byte == b'\n' { byte } else { b' ' });
            }
        } else if length == 1 {
            push(&mut out, byte);
        } else {
            out.extend_from_slice(token);
        }
        at += length;
    }
    trim(&mut out);
    out
}

/// Adds a byte outside of literals. The end of a line removes the blanks before it.
fn push(out: &mut Vec<u8>, byte: u8) {
    if byte == b'\n' {
        trim(out);
    }
    out.push(byte);
}

fn trim(out: &mut Vec<u8>) {
    while let Some(b' ' | b'\t') = out.last() {
        out.pop();
    }
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len())
        .position(|window| window == pattern)
}

/// Returns the length of a literal in these quotes, which ends at the end of the line at the latest.
fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' => return at,
            _ if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Returns whether no build uses the source, because it is a program that its authors run by name.
pub(super) fn is_ignored(source: &[u8]) -> bool {
    lines(source).any(|line| line == b"//go:build ignore")
}

/// Returns whether the source embeds files.
pub(super) fn embeds(source: &[u8]) -> bool {
    lines(source).any(|line| line.starts_with(b"//go:embed "))
}

fn lines(source: &[u8]) -> impl Iterator<Item = &[u8]> {
    source.split(|&byte| byte == b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        let actual = without_comments(source.as_bytes());
        assert_eq!(String::from_utf8_lossy(&actual), expected);
    }

    #[test]
    fn tokens_keep_their_places() {
        check("// Copyright\n\npackage a // why\n", "\n\npackage a\n");
        check("a /* b */ c\n", "a         c\n");
        check("a /* b\n  c */ d\n", "a\n       d\n");
        check("\t// ä\n\tx\n", "\n\tx\n");
        check("a // no newline", "a");
        check("a /* no end", "a");
        check("a / b /= c", "a / b /= c");
    }

    #[test]
    fn literals_are_no_comments() {
        check("\"// a\" // b\n", "\"// a\"\n");
        check("\"\\\"// a\" // b\n", "\"\\\"// a\"\n");
        check("'\"' // b\n'\\'' // c\n", "'\"'\n'\\''\n");
        check("`a // b  \n /* c */ ` // d\n", "`a // b  \n /* c */ `\n");
        check("// don't\nx\n", "\nx\n");
        check("/* don't */ x\n", "            x\n");
    }

    #[test]
    fn the_toolchain_keeps_its_comments() {
        for line in [
            "//go:build linux",
            "//go:noinline",
            "//line a.go:1",
            "//export f",
            "// +build linux",
            "/*line a:1*/",
        ] {
            check(&format!("{line}\n"), &format!("{line}\n"));
        }
        check("// go:noinline\n", "\n");
    }

    #[test]
    fn directives_are_recognised() {
        assert!(is_ignored(b"\n\n//go:build ignore\n\npackage a\n"));
        assert!(!is_ignored(b"//go:build ignored\n\npackage a\n"));
        assert!(embeds(b"package a\n//go:embed a.txt\nvar f embed.FS\n"));
        assert!(!embeds(b"package a\n"));
    }

    proptest! {
        #[test]
        fn lines_stay_and_a_second_pass_changes_nothing(source in "([a-z /*\"'`\\\\\n\t]|//|/\\*|\\*/|//go:x){0,60}") {
            let once = without_comments(source.as_bytes());
            let newlines = |text: &[u8]| text.split(|&byte| byte == b'\n').count();
            prop_assert_eq!(newlines(&once), newlines(source.as_bytes()));
            prop_assert!(once.len() <= source.len());
            prop_assert_eq!(without_comments(&once), once);
        }
    }
}
