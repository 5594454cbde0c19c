//! The instructions that are read, and the errors for all others.

use proptest::prelude::*;

use super::*;

fn variables(name: &str) -> Option<String> {
    match name {
        "DIR" => Some("/app".into()),
        "EMPTY" => Some(String::new()),
        "SPACE" => Some("a b".into()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Instruction, InstructionError> {
    Instruction::parse(text, &variables)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[track_caller]
fn check(text: &str, expected: Instruction) {
    assert_eq!(parse(text), Ok(expected), "{text}");
}

fn copy(sources: &[&str], destination: &str) -> CopyInstruction {
    CopyInstruction {
        sources: words(sources),
        destination: destination.into(),
        owner: None,
        unpacks: false,
    }
}

#[test]
fn commands_have_two_forms() {
    let shell = |line: &str| Command::Shell(line.into());
    let line = "npm install && $DIR/x";
    check(&format!("run  {line}"), Instruction::Run(shell(line)));
    let argv = words(&["npm", "install"]);
    check(
        r#"RUN ["npm", "install"]"#,
        Instruction::Run(Command::Exec(argv.clone())),
    );
    check(
        r#"CMD ["npm", "install"]"#,
        Instruction::Cmd(Command::Exec(argv)),
    );
    // A list that is not JSON is a line for the shell, as for Docker.
    check("CMD ['x']", Instruction::Cmd(shell("['x']")));
    check("ENTRYPOINT x y", Instruction::Entrypoint(shell("x y")));
    check("CMD []", Instruction::Cmd(Command::Exec(Vec::new())));
    let bash = words(&["/bin/bash", "-c"]);
    check(
        r#"SHELL ["/bin/bash", "-c"]"#,
        Instruction::Shell(bash.clone()),
    );
    assert_eq!(shell("x y").argv(&bash), words(&["/bin/bash", "-c", "x y"]));
}

#[test]
fn copies_have_sources_a_destination_and_an_owner() {
    check("COPY . /app/", Instruction::Copy(copy(&["."], "/app/")));
    check(
        "COPY package*.json $DIR/",
        Instruction::Copy(copy(&["package*.json"], "/app/")),
    );
    check(
        r#"COPY ["a b", "c", "./"]"#,
        Instruction::Copy(copy(&["a b", "c"], "./")),
    );
    let owned = CopyInstruction {
        owner: Some("1001:0".into()),
        ..copy(&["."], ".")
    };
    check("COPY --chown=1001:0 . .", Instruction::Copy(owned));
    let added = CopyInstruction {
        unpacks: true,
        ..copy(&["a"], "b")
    };
    check("ADD a b", Instruction::Copy(added));
}

#[test]
fn variables_labels_and_arguments_are_pairs() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    check(
        r#"ENV A=1 B="x y" C='$DIR' D=$DIR/bin E=a\ b"#,
        Instruction::Env(vec![
            pair("A", "1"),
            pair("B", "x y"),
            pair("C", "$DIR"),
            pair("D", "/app/bin"),
            pair("E", "a b"),
        ]),
    );
    check("ENV A  x y", Instruction::Env(vec![pair("A", "x y")]));
    check("LABEL a.b=c", Instruction::Label(vec![pair("a.b", "c")]));
    let arguments = vec![
        ("A".to_owned(), None),
        ("B".to_owned(), Some("/app".into())),
    ];
    check("ARG A B=${DIR}", Instruction::Arg(arguments));
}

#[test]
fn variables_have_defaults_and_alternatives() {
    for (text, expected) in [
        ("$DIR", "/app"),
        ("${DIR}x", "/appx"),
        ("$NONE-x", "-x"),
        ("${NONE:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY-x}y", "y"),
        ("${DIR:-x}", "/app"),
        ("${DIR:+x}", "x"),
        ("${NONE:+x}y", "y"),
        ("${NONE:-${DIR:-x}/y}", "/app/y"),
        (r"\$DIR", "$DIR"),
        ("'$DIR'", "$DIR"),
        (r#""$DIR \" \x""#, r#"/app " \x"#),
        ("a$", "a$"),
        ("$1", "$1"),
    ] {
        let expected = Instruction::User(expected.into());
        check(&format!("USER {text}"), expected);
    }
}

#[test]
fn settings_are_read() {
    check("WORKDIR $SPACE", Instruction::Workdir("a b".into()));
    check(
        "STOPSIGNAL SIGINT",
        Instruction::StopSignal("SIGINT".into()),
    );
    check(
        "EXPOSE 80 53/UDP 8000-8001",
        Instruction::Expose(words(&["80/tcp", "53/udp", "8000/tcp", "8001/tcp"])),
    );
    check("VOLUME /a /b", Instruction::Volume(words(&["/a", "/b"])));
    check(r#"VOLUME ["/a"]"#, Instruction::Volume(words(&["/a"])));
    check("MAINTAINER a", Instruction::Maintainer);
    check("HEALTHCHECK NONE", Instruction::HealthCheck(None));
    check(
        "HEALTHCHECK --interval=5s --retries=3 CMD curl localhost",
        Instruction::HealthCheck(Some(HealthCheck {
            test: words(&["CMD-SHELL", "curl localhost"]),
            interval: Some(5_000_000_000),
            retries: Some(3),
            ..HealthCheck::default()
        })),
    );
}

#[test]
fn instructions_that_cannot_be_done_are_named() {
    for (text, expected) in [
        (
            "FROM x",
            "`FROM` is not an instruction that a trigger can be",
        ),
        (
            "ONBUILD RUN x",
            "`ONBUILD` is not an instruction that a trigger can be",
        ),
        (
            "\"RUN id\"",
            "`\"RUN` is not an instruction that a trigger can be",
        ),
        ("COPY --from=x a b", "s2i does not support `COPY --from`"),
        ("COPY --chmod=1 a b", "s2i does not support `COPY --chmod`"),
        (
            "ADD https://x/y z",
            "s2i does not support `ADD of an address`",
        ),
        (
            "RUN --mount=type=cache x",
            "s2i does not support `RUN --mount`",
        ),
        ("COPY <<X /y", "s2i does not support `COPY <<`"),
        ("USER ${A%b}", "s2i does not support `${A%b…}`"),
        ("RUN <<X\nid\nX", "it has more than one line"),
        ("COPY x", "`COPY` needs a source and a destination"),
        ("COPY $NONE x", "`COPY` needs arguments that are not empty"),
        ("RUN", "`RUN` needs a command"),
        ("RUN []", "`RUN` needs a command"),
        ("ENV A", "`ENV` needs NAME=VALUE"),
        ("ENV A=1 B", "`ENV` needs NAME=VALUE"),
        ("ENV =1", "`ENV` has an invalid name"),
        ("USER $NONE", "`USER` needs an argument"),
        ("USER 'x", "a word has a quote without its end"),
        ("USER ${x", "a word has a `${` without a name or its end"),
        ("USER ${x:-y", "a word has a `${` without its end"),
        ("SHELL x", "`SHELL` needs a list in JSON"),
        (
            "EXPOSE x",
            "`EXPOSE` needs ports such as 8080, 53/udp or 8000-8010",
        ),
        (
            "EXPOSE 0",
            "`EXPOSE` needs ports such as 8080, 53/udp or 8000-8010",
        ),
        (
            "EXPOSE 1-65535",
            "`EXPOSE` needs ports such as 8080, 53/udp or 8000-8010",
        ),
        (
            "HEALTHCHECK x",
            "`HEALTHCHECK` needs `NONE`, or `CMD` and a command",
        ),
    ] {
        let err = parse(text).map_err(|err| err.to_string());
        assert_eq!(err, Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn values_of_variables_are_bounded() {
    let long = |_: &str| Some("x".repeat(bounds::TRIGGER));
    let parsed = Instruction::parse("ENV A=$A$A", &long);
    assert_eq!(parsed, Err(InstructionError::TooLong));
    let deep = format!("USER {}x{}", "${A:-".repeat(1000), "}".repeat(1000));
    assert_eq!(parse(&deep), Err(InstructionError::TooLong));
    let half = |_: &str| Some("x".repeat(bounds::TRIGGER / 2));
    let parsed = Instruction::parse("ENV A=$A B=$A", &half);
    assert_eq!(parsed, Err(InstructionError::TooLong));
    let long = format!("RUN {}", "x".repeat(bounds::TRIGGER));
    assert_eq!(parse(&long), Err(InstructionError::TooLong));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        name in prop::sample::select(vec!["COPY", "ENV", "ARG", "EXPOSE", "HEALTHCHECK", "CMD", "RUN", "VOLUME"]),
        rest in r#"([ =$\{\}:'"\\\-\[\],a-z0-9µ]|--[a-z]+=|\$\{DIR){0,40}"#,
    ) {
        let _ = parse(&format!("{name} {rest}"));
    }
}
