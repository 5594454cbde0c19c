//! The scripts of the builder images of live tests: one static program that is `assemble`,
//! `assemble-runtime`, `save-artifacts`, `usage` or `run` by the name it is started with.
//!
//! `true` and `false` do what they do everywhere. `wrapper`, `printer` and `waiter` are entry points: the first becomes
//! the program that its arguments name, the others print them or only wait. `sh` performs the line after `-c`, or the
//! lines of a file.
//!
//! `assemble` performs the lines of the file `instructions` in the source; without that file it copies the source to
//! `/app`. `assemble-runtime` does the same with `app/runtime-instructions` in its working directory.
//! `save-artifacts` performs `/app/save-instructions`, or else writes `/app/artifacts` to its standard output as an
//! archive. `usage` performs `/usage-instructions`, or else prints its arguments. The verbs are the arms of
//! [`perform`]. `run` serves `app/page` over HTTP if it exists, or else prints its arguments.
//!
//! As `interpret` it is the interpreter of scripts that are written in these verbs, one a line, and begin with
//! `#!/usr/bin/interpret`.
//!
//! The source is in `/tmp/src` unless `TEST_SOURCE` names another directory. Started with the name of a program
//! that unpacks archives, it creates the file `/trojan-ran`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what it writes is what tests look at"
)]

use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process};
use s2i_core::{OpenDir, archive, ignore::Filter};

/// The argument with which this program is an orphan.
const ORPHAN: &str = "be-an-orphan";

/// The programs of an image with which an engine might unpack archives.
const UNPACKERS: [&str; 8] = [
    "bunzip2", "gunzip", "gzip", "pigz", "tar", "unpigz", "xz", "zstd",
];

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().collect();
    let name = args
        .first()
        .and_then(|path| path.rsplit('/').next())
        .unwrap_or_default();
    let done = match (name, args.get(1).map(String::as_str)) {
        (_, Some(ORPHAN)) => sleep(args.get(2).map_or("60", String::as_str)),
        ("assemble", _) => assemble(),
        ("assemble-runtime", _) => assemble_runtime(),
        ("save-artifacts", _) => save_artifacts(),
        ("usage", _) => usage(&args[1..]),
        ("run", _) => run(&args[1..]),
        ("true", _) => Ok(()),
        ("false", _) => return ExitCode::FAILURE,
        ("wrapper", _) => wrap(&args[1..]),
        ("printer", _) => {
            println!("{}", args[1..].join(" "));
            Ok(())
        }
        ("waiter", _) => sleep("60"),
        ("sh", Some("-c")) => args[2..].iter().try_for_each(|line| perform(line)),
        ("sh" | "interpret", Some(script)) => interpret(script),
        (name, _) if UNPACKERS.contains(&name) => {
            fs::write("/trojan-ran", name).map_err(Into::into)
        }
        _ => Err(format!("`{name}` is not a script").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("test-script: {err}");
            ExitCode::from(101)
        }
    }
}

/// Becomes the program that its arguments name.
fn wrap(args: &[String]) -> Outcome {
    let (program, args) = args.split_first().ok_or("there are no arguments")?;
    println!("wrapped");
    Err(Command::new(program).args(args).exec().into())
}

fn source() -> PathBuf {
    env::var_os("TEST_SOURCE").map_or_else(|| "/tmp/src".into(), PathBuf::from)
}

fn assemble() -> Outcome {
    let source = source();
    match fs::read_to_string(source.join("instructions")) {
        Ok(instructions) => instructions.lines().try_for_each(perform),
        Err(_) => Ok(copy(&source, Path::new("/app"))?),
    }
}

fn assemble_runtime() -> Outcome {
    println!("assemble-runtime in {}", env::current_dir()?.display());
    match fs::read_to_string("app/runtime-instructions") {
        Ok(instructions) => instructions.lines().try_for_each(perform),
        Err(_) => Ok(()),
    }
}

fn save_artifacts() -> Outcome {
    eprintln!("save-artifacts runs");
    match fs::read_to_string("/app/save-instructions") {
        Ok(instructions) => instructions.lines().try_for_each(perform),
        Err(_) => write_archive(Path::new("/app/artifacts")),
    }
}

fn usage(args: &[String]) -> Outcome {
    if let Ok(instructions) = fs::read_to_string("/usage-instructions") {
        return instructions.lines().try_for_each(perform);
    }
    println!("usage {}", args.join(" "));
    Ok(())
}

/// Writes an archive of a directory to the standard output.
fn write_archive(dir: &Path) -> Outcome {
    let options = archive::TreeOptions {
        filter: &Filter::default(),
        mtime: 1,
        keep: archive::Keep::default(),
        prefix: "",
    };
    let mut out = io::BufWriter::with_capacity(256 * 1024, io::stdout().lock());
    archive::write_tree(&OpenDir::open(dir)?, &options, &mut out)?;
    Ok(out.flush()?)
}

/// Gives a file the modification time of another one.
fn take_time(path: &Path, from: &Path) -> Outcome {
    let time = fs::metadata(from)?.modified()?;
    Ok(fs::OpenOptions::new()
        .write(true)
        .open(path)?
        .set_modified(time)?)
}

/// Runs a program and waits for it.
fn start(line: &str) -> Outcome {
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    let status = std::process::Command::new(program).args(words).status()?;
    if status.success() {
        return Ok(());
    }
    Err(format!("`{program}` ended with {status}").into())
}

/// Performs the lines of a script, but for the one that names its interpreter.
fn interpret(script: &str) -> Outcome {
    let text = fs::read_to_string(script)?;
    let mut lines = text.lines().filter(|line| !line.starts_with("#!"));
    lines.try_for_each(perform)
}

/// Performs one line: a verb and its arguments.
fn perform(line: &str) -> Outcome {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (path, text) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "copy" => copy(&source(), Path::new(rest))?,
        "print" => println!("{rest}"),
        "eprint" => eprintln!("{rest}"),
        "escapes" => println!("\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7} after"),
        "sleep" => sleep(rest)?,
        "exit" => leave(rest.parse()?),
        "kill-self" => kill_self(rest.parse()?)?,
        "write" => fs::write(path, text)?,
        "write-lines" => fs::write(path, text.replace("\\n", "\n"))?,
        "write-hole" => fs::File::create(path)?.set_len(text.parse()?)?,
        "make-dir" => fs::create_dir_all(rest)?,
        "mode" => fs::set_permissions(
            path,
            fs::Permissions::from_mode(u32::from_str_radix(text, 8)?),
        )?,
        "copy-file" => drop(fs::copy(path, text)?),
        "take-time" => take_time(Path::new(path), Path::new(text))?,
        "start" => start(rest)?,
        "try" => drop(start(rest)),
        "link" => symlink(text, path)?,
        "hard-link" => fs::hard_link(text, path)?,
        "capability" => capability(Path::new(rest))?,
        "remove" => remove(Path::new(rest))?,
        "orphan" => orphan(rest)?,
        "make-files" => make_files(Path::new(path), text.parse()?)?,
        "make-artifacts" => make_artifacts(path.parse()?, text.parse()?)?,
        "take-artifacts" => fs::rename("/tmp/artifacts", "/app/artifacts")?,
        "copy-artifacts" => copy_artifacts()?,
        "write-artifacts" => write_archive(Path::new("/app/artifacts"))?,
        "write-archive" => write_archive(Path::new(rest))?,
        "write-zeros" => io::stdout().write_all(&vec![0; rest.parse()?])?,
        "if-exists" if Path::new(path).exists() => perform(text)?,
        "" | "if-exists" => {}
        "show-id" => show_id()?,
        "show-env" => println!("{rest}={:?}", env::var(rest).ok()),
        "show-mode" => println!(
            "{rest} has mode {:o}",
            fs::metadata(rest)?.permissions().mode() & 0o7777
        ),
        "show-time" => println!("{rest} is of {}", fs::metadata(rest)?.mtime()),
        "show-cwd" => println!("cwd={}", env::current_dir()?.display()),
        "show-file" => print!("{}", fs::read_to_string(rest)?),
        "show-list" => show_list(Path::new(rest))?,
        "must-not-exist" => must_not_exist(Path::new(rest))?,
        "must-not-write" => must_not_write(rest)?,
        "must-be-empty" => must_be_empty(rest)?,
        "net-down" => net_down()?,
        "lines" => lines(rest.parse()?),
        "big-line" => big_line(rest.parse()?)?,
        "use-memory" => drop(std::hint::black_box(vec![
            1_u8;
            rest.parse::<usize>()? << 20
        ])),
        _ => return Err(format!("what is `{line}`?").into()),
    }
    io::stdout().flush()?;
    Ok(())
}

fn sleep(seconds: &str) -> Outcome {
    thread::sleep(Duration::from_secs_f64(seconds.parse()?));
    Ok(())
}

#[expect(
    clippy::exit,
    reason = "a script that ends in the middle is what a test wants"
)]
fn leave(status: i32) -> ! {
    std::process::exit(status)
}

/// Creates `files` files of `bytes` bytes each.
fn make_artifacts(files: usize, bytes: usize) -> io::Result<()> {
    for number in 0..files {
        let dir = PathBuf::from(format!("/app/artifacts/{}", number / 100));
        if number % 100 == 0 {
            fs::create_dir_all(&dir)?;
        }
        fs::write(dir.join(number.to_string()), vec![b'a'; bytes])?;
    }
    Ok(())
}

/// Creates `files` empty files in one directory.
fn make_files(dir: &Path, files: usize) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    (0..files).try_for_each(|number| fs::write(dir.join(number.to_string()), ""))
}

fn kill_self(number: i32) -> Outcome {
    let signal = Signal::from_named_raw(number).ok_or("no such signal")?;
    kill_process(getpid(), signal)?;
    Err(format!("signal {number} did not end it").into())
}

/// Copies the artifacts, as a script does that may find them in a mount.
fn copy_artifacts() -> io::Result<()> {
    let kept = Path::new("/app/artifacts");
    fs::create_dir_all(kept)?;
    copy(Path::new("/tmp/artifacts"), kept)
}

/// Gives the file the capability to bind to low ports.
fn capability(path: &Path) -> io::Result<()> {
    let net_bind_service: u32 = 1 << 10;
    let mut data = 0x0200_0001_u32.to_le_bytes().to_vec();
    for word in [net_bind_service, 0, 0, 0] {
        data.extend(word.to_le_bytes());
    }
    Ok(rustix::fs::setxattr(
        path,
        "security.capability",
        &data,
        rustix::fs::XattrFlags::empty(),
    )?)
}

fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

/// Leaves a process behind that holds the output open, in its own process group.
fn orphan(seconds: &str) -> Outcome {
    let child = Command::new(env::current_exe()?)
        .args([ORPHAN, seconds])
        .process_group(0)
        .stdin(Stdio::null())
        .spawn()?;
    println!("left {} behind", child.id());
    Ok(())
}

fn show_id() -> Outcome {
    let status = fs::read_to_string("/proc/self/status")?;
    let wanted = [
        "Uid:",
        "Gid:",
        "Groups:",
        "CapEff:",
        "CapBnd:",
        "NoNewPrivs:",
    ];
    for line in status
        .lines()
        .filter(|line| wanted.iter().any(|name| line.starts_with(name)))
    {
        println!("{}", line.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    Ok(())
}

/// Prints the names in a directory, quoted.
#[expect(
    clippy::unnecessary_debug_formatting,
    reason = "names can have any bytes"
)]
fn show_list(dir: &Path) -> Outcome {
    let names = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.file_name()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        println!("{name:?}");
    }
    Ok(())
}

fn must_not_exist(path: &Path) -> Outcome {
    match path.symlink_metadata() {
        Ok(_) => Err(format!("{} is there", path.display()).into()),
        Err(_) => Ok(()),
    }
}

/// Fails when a file can be opened for writing.
fn must_not_write(path: &str) -> Outcome {
    match fs::OpenOptions::new().append(true).open(path) {
        Ok(_) => Err(format!("{path} can be written").into()),
        Err(_) => Ok(()),
    }
}

/// Fails when a file can be read and is not empty, or a directory lists entries.
fn must_be_empty(path: &str) -> Outcome {
    let has_names = fs::read_dir(path).is_ok_and(|mut names| names.next().is_some());
    let mut byte = [0];
    let has_bytes = fs::File::open(path)
        .and_then(|mut file| file.read(&mut byte))
        .is_ok_and(|count| count > 0);
    if has_names || has_bytes {
        return Err(format!("{path} can be read").into());
    }
    Ok(())
}

fn net_down() -> Outcome {
    let table = fs::read_to_string("/proc/self/net/dev")?;
    let names = table
        .lines()
        .skip(2)
        .filter_map(|line| line.split(':').next());
    match names.map(str::trim).find(|name| *name != "lo") {
        Some(name) => Err(format!("there is the interface {name}").into()),
        None => Ok(()),
    }
}

fn lines(count: usize) {
    for number in 1..=count {
        println!("out {number}");
        eprintln!("err {number}");
    }
}

fn big_line(bytes: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let piece = [b'x'; 4096];
    let mut left = bytes;
    while left > 0 {
        let count = left.min(piece.len());
        out.write_all(&piece[..count])?;
        left -= count;
    }
    out.write_all(b"\n")
}

/// Copies a tree with its modes and links.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, &target)?;
        } else if kind.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

fn run(args: &[String]) -> Outcome {
    let page = ["/app/page", "app/page"]
        .iter()
        .find_map(|path| fs::read(path).ok());
    match page {
        Some(page) if args.is_empty() => serve(&page),
        _ => {
            for arg in args {
                println!("{arg}");
            }
            println!("run ended");
            Ok(())
        }
    }
}

fn serve(page: &[u8]) -> Outcome {
    let port = env::var("PORT").unwrap_or_else(|_| "8080".into());
    let listener = TcpListener::bind(format!("0.0.0.0:{port}"))?;
    println!("listening on port {port}");
    for connection in listener.incoming() {
        let mut connection = connection?;
        let mut request = [0; 4096];
        let _ = connection.read(&mut request)?;
        let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", page.len());
        let _ = connection
            .write_all(head.as_bytes())
            .and_then(|()| connection.write_all(page));
    }
    Ok(())
}
