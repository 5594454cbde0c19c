//! Lines, compared with a shell.

use std::process::Command;

use proptest::prelude::*;

use super::*;

fn lookup(name: &str) -> Option<String> {
    let values = [("A", "1"), ("B", "two  words "), ("E", ""), ("S", " x")];
    let value = values.iter().find(|(known, _)| *known == name);
    value.map(|(_, value)| (*value).to_owned())
}

/// Commands as `A=1 [word] [word] && [word]`.
fn show(line: &str) -> String {
    let Ok(commands) = parse(line, &lookup) else {
        return "needs a shell".into();
    };
    let commands = commands.iter().map(|command| {
        let assignments = command.assignments.iter();
        let words = command.words.iter().map(|word| format!("[{word}]"));
        let all = assignments
            .map(|(name, value)| format!("{name}=[{value}]"))
            .chain(words);
        all.collect::<Vec<_>>().join(" ")
    });
    commands.collect::<Vec<_>>().join(" && ")
}

#[test]
fn simple_lines_need_no_shell() {
    for (line, expected) in [
        ("node server.js", "[node] [server.js]"),
        ("  node\t'a b' \"c d\" e\\ f ", "[node] [a b] [c d] [e f]"),
        (
            "NODE_ENV=production PORT=$A node .",
            "NODE_ENV=[production] PORT=[1] [node] [.]",
        ),
        ("X=$B node", "X=[two  words ] [node]"),
        ("node $B$A \"$B\"", "[node] [two] [words] [1] [two  words ]"),
        ("node a$S $E \"$E\" ''", "[node] [a] [x] [] []"),
        (
            "node ${A}b ${N:-d} ${E:-d} ${E-d} ${N-d}",
            "[node] [1b] [d] [d] [d]",
        ),
        ("a b && exec node c=d", "[a] [b] && [node] [c=d]"),
        ("'A'=b", "[A=b]"),
        ("node -e 'a|b'", "[node] [-e] [a|b]"),
        ("node \"a\\\"\\$b\\c\"", "[node] [a\"$b\\c]"),
        ("cd apps/web && node .", "[cd] [apps/web] && [node] [.]"),
        ("node a#b a~b 1=2", "[node] [a#b] [a~b] [1=2]"),
    ] {
        assert_eq!(show(line), expected, "{line}");
    }
}

#[test]
fn other_lines_need_a_shell() {
    for line in [
        "",
        "a | b",
        "a; b",
        "a &",
        "a || b",
        "a && ",
        "&& a",
        "a > b",
        "a $(b)",
        "a `b`",
        "a \"`b`\"",
        "(a)",
        "a *.js",
        "a [b]",
        "a ${A%x}",
        "a ${A:-$B}",
        "a $1",
        "a $?",
        "A=1",
        "if a",
        "export A=1",
        "a ~/b",
        "A=~ b",
        "a # b",
        "a 'b",
        "a \"b",
        "a \\",
        "exec",
        "! a",
        "a\nb",
        "a {b,c}",
    ] {
        assert_eq!(show(line), "needs a shell", "{line}");
    }
}

#[test]
fn lists_are_split_at_white_space_outside_of_quotes() {
    for (list, expected) in [
        (
            "-a  'b c' \"d e\"f g\\ h",
            &["-a", "b c", "d ef", "g h"][..],
        ),
        ("", &[]),
        (" ''", &[""]),
        ("$HOME *", &["$HOME", "*"]),
        ("'a b", &["a b"]),
    ] {
        assert_eq!(split(list), expected, "{list}");
    }
}

#[test]
fn arguments_are_not_assignments() {
    let commands = parse("show A=$B", &lookup).unwrap();
    assert!(commands[0].assignments.is_empty());
    assert!(commands[0].words.len() > 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A line that needs no shell has the same words as in a shell.
    #[test]
    fn words_are_those_of_a_shell(rest in r#"([ab=$AB\\"' ]|\$\{[ABEN](:?-d)?\}|\$[ABEN]){0,14}"#) {
        let line = format!("show {rest}");
        let Ok(commands) = parse(&line, &lookup) else {
            return Ok(());
        };
        let ours: Vec<_> = commands[0].words[1..].iter().map(|word| format!("[{word}]")).collect();
        let script = format!("show() {{ for word; do printf '[%s]' \"$word\"; done; }}\n{line}");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &script]).env_clear();
        for name in ["A", "B", "E"] {
            shell.env(name, lookup(name).unwrap());
        }
        let output = shell.output().unwrap();
        prop_assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        prop_assert_eq!(ours.concat(), String::from_utf8_lossy(&output.stdout));
    }
}
