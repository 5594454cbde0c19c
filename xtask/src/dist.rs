//! Building the static programs that live inside images.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{host, paths};

/// The processors that images are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Arch {
    /// x86-64.
    #[value(alias = "x86_64")]
    Amd64,
    /// 64-bit ARM.
    #[value(alias = "aarch64")]
    Arm64,
}

impl Arch {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// The processor of this machine.
    pub(crate) fn host() -> Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::Amd64),
            "aarch64" => Ok(Self::Arm64),
            other => {
                bail!("there are no images for {other}: choose with --arch amd64 or --arch arm64")
            }
        }
    }

    /// As Go and OCI call it.
    pub(crate) fn go(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// As Rust and Linux call it.
    pub(crate) fn rust(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Rust's name for static programs on it.
    pub(crate) fn target(self) -> String {
        format!("{}-unknown-linux-musl", self.rust())
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.go())
    }
}

/// Arguments of `dist`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The processors to build for; this machine's when none is given.
    #[arg(long, value_enum)]
    arch: Vec<Arch>,
}

/// `cargo xtask dist`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let arches = if args.arch.is_empty() {
        vec![Arch::host()?]
    } else {
        args.arch.clone()
    };
    for arch in arches {
        println!("{}", scripts(arch)?.display());
        println!("{}", toolbox(arch)?.display());
        println!("{}", program("s2i-agent", "s2i-agent", arch)?.display());
    }
    println!("{}", s2i(Arch::host()?)?.display());
    Ok(())
}

/// Builds `s2i-scripts`, the scripts of builder and runtime images, and returns where it is.
pub(crate) fn scripts(arch: Arch) -> Result<PathBuf> {
    program("s2i-scripts", "s2i-scripts", arch)
}

/// Builds `s2i-toolbox`, the shell and the tools of builder images, and returns where it is.
pub(crate) fn toolbox(arch: Arch) -> Result<PathBuf> {
    let script = paths::root().join("s2i-toolbox/small.ld");
    let link = [
        "-zpack-relative-relocs",
        "--icf=all",
        "--no-eh-frame-hdr",
        &format!("-T{}", script.display()),
    ]
    .map(|arg| format!("-Clink-arg={arg}"));
    build(
        "s2i-toolbox",
        "s2i-toolbox",
        arch,
        Some(&cargo_home()?),
        &link,
    )
}

/// Builds the program that stands for all scripts in the images of tests and benchmarks.
pub(crate) fn test_script(arch: Arch) -> Result<PathBuf> {
    program("s2i-testkit", "test-script", arch)
}

/// Builds everything: the static programs, then `s2i` with the agents in it, and returns where it is.
pub(crate) fn s2i(arch: Arch) -> Result<PathBuf> {
    scripts(arch)?;
    program("s2i-agent", "s2i-agent", arch)?;
    host::run(cargo().args(["build", "--release", "--locked", "--package", "s2i-cli"]))?;
    let made = paths::made().join("s2i");
    install(&paths::target().join("release/s2i"), &made)?;
    Ok(made)
}

/// Fails with the line that helps when the static programs can't be built here.
pub(crate) fn check(arch: Arch) -> Result<()> {
    let target = arch.target();
    if is_installed(&target)? {
        return Ok(());
    }
    bail!("Rust's target {target} is not installed; add it with: rustup target add {target}")
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(paths::root());
    cargo
}

/// Builds one static program. One package a call, so that features of others don't get into it.
fn program(package: &str, binary: &str, arch: Arch) -> Result<PathBuf> {
    build(package, binary, arch, None, &[])
}

/// The same, with a home for cargo and with arguments for the compiler of the program itself. With
/// another home, other paths are kept out of the program, so all of it is compiled apart from the rest:
/// in one directory, each would make the other start again.
fn build(
    package: &str,
    binary: &str,
    arch: Arch,
    home: Option<&Path>,
    args: &[String],
) -> Result<PathBuf> {
    let made = paths::made().join(arch.rust()).join(binary);
    let target = arch.target();
    if !is_installed(&target)? {
        if made.is_file() {
            eprintln!(
                "{}: taken as it is, for Rust's target {target} is not installed",
                made.display()
            );
            return Ok(made);
        }
        bail!(
            "can't build {binary} for {arch}; add Rust's target with: rustup target add {target}"
        );
    }
    let mut cargo = cargo();
    let users = users_cargo_home();
    let mut compiled = paths::target();
    if let Some(home) = home {
        compiled = paths::made().join("compiled").join(binary);
        cargo.env("CARGO_HOME", home);
    }
    let neutral = neutral_paths(home.or(users.as_deref()));
    cargo
        .env("LANG", "C")
        .args(["rustc", "--locked", "--profile", "dist"])
        .arg("--config")
        .arg(format!("target.{target}.rustflags = {neutral:?}"))
        .args(["--package", package, "--bin", binary, "--target", &target])
        .arg("--target-dir")
        .arg(&compiled)
        .arg("--")
        .args(args);
    host::run(&mut cargo)?;
    let built = compiled.join(&target).join("dist").join(binary);
    install(&built, &made)?;
    Ok(made)
}

/// Where cargo keeps what it has downloaded for the user.
fn users_cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home)
}

/// A home for cargo with the sources of one program alone: uutils puts the messages of all tools into
/// it whose sources lie beside its own. Downloads are those of the user.
fn cargo_home() -> Result<PathBuf> {
    let home = paths::made().join("cargo");
    let registry = home.join("registry");
    fs::create_dir_all(&registry).with_context(|| format!("can't make {}", registry.display()))?;
    if let Some(users) = users_cargo_home() {
        for name in [
            "config.toml",
            "credentials.toml",
            "registry/cache",
            "registry/index",
        ] {
            let (from, to) = (users.join(name), home.join(name));
            if from.exists() && !to.exists() {
                std::os::unix::fs::symlink(&from, &to)
                    .with_context(|| format!("can't make {}", to.display()))?;
            }
        }
    }
    remove_old_tools(&registry.join("src"))?;
    Ok(home)
}

/// Removes the sources of tools that `Cargo.lock` does not name any more.
fn remove_old_tools(sources: &Path) -> Result<()> {
    let lock = fs::read_to_string(paths::root().join("Cargo.lock"))?;
    let Ok(registries) = fs::read_dir(sources) else {
        return Ok(());
    };
    for registry in registries {
        for crate_ in fs::read_dir(registry?.path())? {
            let crate_ = crate_?;
            let name = crate_.file_name().to_string_lossy().into_owned();
            let parts = name.rsplit_once('-').filter(|_| name.starts_with("uu_"));
            let Some((name, version)) = parts else {
                continue;
            };
            if !lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")) {
                fs::remove_dir_all(crate_.path())?;
            }
        }
    }
    Ok(())
}

/// Options for the compiler that keep the places of this machine out of programs, so that the same
/// source gives the same program elsewhere.
fn neutral_paths(cargo_home: Option<&Path>) -> Vec<String> {
    let cargo = cargo_home.map(|from| format!("--remap-path-prefix={}=/cargo", from.display()));
    let root = format!("--remap-path-prefix={}=/s2i", paths::root().display());
    cargo.into_iter().chain([root]).collect()
}

/// Copies only what changed, so that times tell what is new.
fn install(built: &Path, made: &Path) -> Result<()> {
    let bytes = fs::read(built).with_context(|| format!("can't read {}", built.display()))?;
    if fs::read(made).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::create_dir_all(made.parent().context("a file below a directory")?)?;
    let unfinished = made.with_extension(format!("{}.new", std::process::id()));
    fs::copy(built, &unfinished)
        .with_context(|| format!("can't write {}", unfinished.display()))?;
    fs::rename(&unfinished, made).with_context(|| format!("can't write {}", made.display()))
}

/// Whether the standard library for `target` is here: rustup's targets are directories beside the
/// compiler's own.
fn is_installed(target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries =
        host::output(Command::new(rustc).args(["--print", "target-libdir", "--target", target]))?;
    Ok(Path::new(libraries.trim()).is_dir())
}
