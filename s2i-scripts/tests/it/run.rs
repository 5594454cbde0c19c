//! Becoming the application.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use s2i_core::Script;

use crate::image::Image;

impl Image {
    /// Adds a program of the host to the image under a name.
    fn program(self, name: &str, host: &str) -> Self {
        fs::copy(host, self.path("app-root/bin").join(name)).unwrap();
        self
    }
}

#[track_caller]
fn check(image: &Image, args: &[&str], code: i32, stdout: &str, stderr: &str) {
    let outcome = image.script(Script::Run, args);
    let root = image.path("");
    let text = outcome
        .stderr
        .replace(root.to_str().unwrap().trim_end_matches('/'), "ROOT");
    assert_eq!(
        (outcome.text().as_str(), text.as_str(), outcome.code),
        (stdout, stderr, Some(code))
    );
}

#[test]
fn arguments_and_status_are_those_of_the_application() {
    let image = Image::new().program("app", "/bin/echo");
    check(
        &image,
        &["-n", "two words", "*", "$HOME"],
        0,
        "two words * $HOME",
        "",
    );
    let image = Image::new().program("app", "/bin/sh");
    check(&image, &["-c", "exit 7"], 7, "", "");
    check(&image, &["-c", "echo $PORT"], 0, "8080\n", "");
    check(
        &image.env("PORT", "99"),
        &["-c", "echo $PORT"],
        0,
        "99\n",
        "",
    );
    let image = Image::new().program("app", "/usr/bin/basename");
    check(
        &image,
        &["-h/x"],
        1,
        "",
        "ROOT/app-root/bin/app: invalid option -- 'h'\nTry 'ROOT/app-root/bin/app --help' for more information.\n",
    );
}

#[test]
fn arguments_may_come_from_a_variable_and_a_process_from_a_procfile() {
    let image = Image::new()
        .program("echo", "/bin/echo")
        .env("ARGS", "-n 'two words' \"$HOME\"");
    check(&image, &["*"], 0, "two words $HOME *", "");
    let image = Image::new()
        .program("echo", "/bin/echo")
        .program("tool", "/bin/true");
    image.write(
        "app-root/bin/Procfile",
        "web: bin/echo \"port $PORT\"\nother: VALUE=x tool\n",
    );
    check(&image, &["x"], 0, "port 8080 x\n", "");
    check(&image.env("APP", "other"), &[], 0, "", "");
}

#[test]
fn signals_reach_the_application_itself() {
    let image = Image::new().program("app", "/bin/sh");
    let child = image
        .command(Script::Run, &["-c", "kill -TERM $$; echo survived"])
        .output()
        .unwrap();
    assert_eq!((child.status.code(), child.stdout.len()), (None, 0));
    let output = image
        .command(Script::Run, &["-c", "echo $$"])
        .spawn_and_compare();
    assert_eq!(output.0, output.1);
}

/// Returns the number of a process and the number that it prints.
trait SpawnAndCompare {
    fn spawn_and_compare(&mut self) -> (String, String);
}

impl SpawnAndCompare for std::process::Command {
    fn spawn_and_compare(&mut self) -> (String, String) {
        let child = self.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let id = child.id().to_string();
        let output = child.wait_with_output().unwrap();
        (
            id,
            String::from_utf8(output.stdout).unwrap().trim().to_owned(),
        )
    }
}

#[test]
fn choice_between_applications_is_an_error() {
    let image = Image::new()
        .program("echo", "/bin/echo")
        .program("tool", "/bin/true");
    check(
        &image,
        &["x"],
        11,
        "",
        "run: there are several applications in `ROOT/app-root/bin`\n  cause: found echo, tool\n  \
         try: choose with APP, for example `-e APP=echo`\n",
    );
    let image = image.env("APP", "echo");
    check(&image, &["x"], 0, "x\n", "");
    let image = image.env("APP", "../../bin/sh");
    check(
        &image,
        &[],
        11,
        "",
        "run: APP names `../../bin/sh`, which is not an application in `ROOT/app-root/bin`\n  \
         cause: there are echo, tool\n  try: choose with APP, for example `-e APP=echo`\n",
    );
}

#[test]
fn image_without_an_application_is_an_error() {
    let image = Image::new();
    let text = "there is no application in `ROOT/app-root/bin`\n  \
                try: make an image of an application first: `s2i build <source> <this image> <name>`\n";
    check(&image, &[], 127, "", &format!("run: {text}"));
    assert_eq!(image.script(Script::AssembleRuntime, &[]).code, Some(127));

    image.write("app-root/bin/app", "#!/nonexistent/interpreter\n");
    check(
        &image,
        &[],
        126,
        "",
        "run: no file in `ROOT/app-root/bin` is executable\n  cause: found only app\n  \
         try: set an execute bit in the mode of the application\n",
    );
    fs::set_permissions(
        image.path("app-root/bin/app"),
        Permissions::from_mode(0o755),
    )
    .unwrap();
    let outcome = image.script(Script::Run, &[]);
    assert_eq!(outcome.code, Some(126));
    assert!(
        outcome.stderr.contains("cause: No such file"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn assemble_runtime_seals_programs() {
    let image = Image::new()
        .program("app", "/bin/true")
        .env("SOURCE_DATE_EPOCH", "1700000000");
    fs::set_permissions(
        image.path("app-root/bin/app"),
        Permissions::from_mode(0o700),
    )
    .unwrap();
    let outcome = image.script(Script::AssembleRuntime, &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert!(outcome.text().contains("     found "), "{}", outcome.text());
    assert_eq!(image.mode("app-root/bin/app"), 0o755);
    let time = fs::metadata(image.path("app-root/bin/app"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(
        time.duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
        1_700_000_000
    );
}

#[test]
fn label_of_each_builder_names_the_variables_of_assemble() {
    // s2i and the image set these.
    let set = [
        "APP_ROOT",
        "S2I_DESTINATION",
        "S2I_INCREMENTAL",
        "SOURCE_DATE_EPOCH",
    ];
    for (builder, tools) in [
        ("go", &["go"][..]),
        ("node", &["node", "npm"]),
        ("binary", &[]),
    ] {
        let image = tools
            .iter()
            .fold(Image::new(), |image, tool| image.program(tool, "/bin/true"));
        let path = image.path("app-root/bin").to_str().unwrap().to_owned();
        let usage = image.env("PATH", &path).script(Script::Usage, &["--json"]);
        let usage: serde_json::Value = serde_json::from_slice(&usage.stdout).unwrap();
        assert_eq!(usage["image"], builder);
        let groups = usage["groups"].as_array().unwrap().iter();
        let read = groups.filter(|group| group["is_read_here"] == true);
        let variables = read.flat_map(|group| group["variables"].as_array().unwrap());
        let names = variables.filter_map(|variable| {
            let scripts = variable["scripts"].as_array().unwrap();
            let name = variable["name"].as_str().unwrap();
            let is_listed = scripts.contains(&"assemble".into()) && !set.contains(&name);
            let aliases = variable["aliases"].as_array().into_iter().flatten();
            let names = std::iter::once(name).chain(aliases.filter_map(|alias| alias.as_str()));
            is_listed.then(|| names.collect::<Vec<_>>().join(","))
        });
        let label = format!(
            "\n\"io.s2i.variables\" = \"{}\"\n",
            names.collect::<Vec<_>>().join(",")
        );
        let images = concat!(env!("CARGO_MANIFEST_DIR"), "/../builder-images");
        let definition = fs::read_to_string(format!("{images}/{builder}/image.toml")).unwrap();
        assert!(definition.contains(&label), "{builder} lacks{label}");
    }
}

#[test]
fn nested_directory_of_the_application_is_moved_up() {
    let image = Image::new().program("app", "/bin/true");
    let root = image.path("app-root");
    let nested = root.join("app-root");
    fs::create_dir(&nested).unwrap();
    fs::rename(root.join("bin"), nested.join("bin")).unwrap();
    fs::create_dir(root.join("bin")).unwrap();
    let outcome = image.script(Script::AssembleRuntime, &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert_eq!(image.list("app-root/bin"), ["app"]);
    assert!(!nested.exists());
}

#[test]
fn usage_is_printed_by_every_script_but_run() {
    let image = Image::new();
    let usage = image.script(Script::Usage, &[]);
    assert_eq!(usage.code, Some(0));
    assert!(usage.text().contains("Sample invocation"));
    for script in [
        Script::Assemble,
        Script::SaveArtifacts,
        Script::AssembleRuntime,
        Script::Usage,
    ] {
        for flag in ["-h", "--help"] {
            let help = image.script(script, &[flag]);
            assert_eq!((help.code, help.text()), (Some(0), usage.text()));
        }
    }
    let json = image.script(Script::Usage, &["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["scripts"][2]["name"], "save-artifacts");
    assert_eq!(json["image"], "binary");
    assert_eq!(json["groups"][0]["variables"][0]["name"], "GO_TARGET");
    assert_eq!(json["groups"][0]["is_read_here"], false);
}
