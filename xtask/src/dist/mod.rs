//! Builds of the static programs for images, and of everything that a release has.

mod compiler;
#[cfg(test)]
mod installer;
mod release;
mod templates;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context, Result, bail};
use s2i_test_engines::{host, paths};

/// The processor architectures of images.
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
    /// All architectures.
    pub(crate) const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// Returns the architecture of this machine.
    pub(crate) fn host() -> Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::Amd64),
            "aarch64" => Ok(Self::Arm64),
            other => {
                bail!("there are no images for {other}: choose with --arch amd64 or --arch arm64")
            }
        }
    }

    /// Returns the name that Go and OCI use.
    pub(crate) fn go(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Returns the name that Rust and Linux use.
    pub(crate) fn rust(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Returns the Rust target for static programs.
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
    /// Build for these processors; by default, for that of this machine, and for all with --release
    #[arg(long, value_enum)]
    arch: Vec<Arch>,
    /// Make all files of a release in `target/s2i/release`: archives of the static `s2i`, digests, the installer, images
    #[arg(long)]
    release: bool,
    /// The address of the releases, which the installer uses: files of a version are below URL/vVERSION
    #[arg(long, value_name = "URL", requires = "release")]
    url: Option<String>,
    /// Make a release without images
    #[arg(long, requires = "release")]
    no_images: bool,
}

/// `cargo xtask dist`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let arches = match (args.arch.as_slice(), args.release) {
        ([], true) => Arch::ALL.to_vec(),
        ([], false) => vec![Arch::host()?],
        (arches, _) => arches.to_vec(),
    };
    if args.release {
        return release::run(&arches, args.url.as_deref(), !args.no_images);
    }
    for arch in arches {
        println!("{}", scripts(arch)?.display());
        println!("{}", agent(arch)?.display());
    }
    println!("{}", s2i(Arch::host()?, Profile::Release)?.display());
    Ok(())
}

/// Builds `s2i-scripts`, the scripts of builder and runtime images, and returns its path.
pub(crate) fn scripts(arch: Arch) -> Result<PathBuf> {
    program("s2i-scripts", "s2i-scripts", arch, DIST)
}

/// Builds `s2i-agent`, the first process of build containers, and returns its path.
pub(crate) fn agent(arch: Arch) -> Result<PathBuf> {
    program("s2i-agent", "s2i-agent", arch, DIST)
}

/// Builds the program for all scripts in the images of tests and benchmarks.
pub(crate) fn test_script(arch: Arch) -> Result<PathBuf> {
    program("s2i-test-script", "test-script", arch, DIST)
}

/// Builds the static `s2i` with the agents for all processors, which takes minutes, and returns its path.
pub(crate) fn static_s2i(arch: Arch, place: Place) -> Result<PathBuf> {
    for arch in Arch::ALL {
        agent(arch)?;
    }
    match place {
        Place::Release => program("s2i-cli", "s2i", arch, STATIC),
        Place::Image => {
            let made = paths::made().join(arch.rust()).join("in-images/s2i");
            build(
                "s2i-cli",
                "s2i",
                arch,
                STATIC,
                &["--no-default-features"],
                &made,
            )?;
            Ok(made)
        }
    }
}

/// The place of a static `s2i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A release, and the image of what runs `s2i cluster` in a cluster: with the client of clusters.
    Release,
    /// Images of jobs and of the steps in pods, which have no use for that client.
    Image,
}

/// The profile of programs inside images: small before fast.
const DIST: &str = "dist";

/// The profile of the static `s2i`.
const STATIC: &str = "static";

/// A build of `s2i` with the embedded agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// The program for use and for benchmarks, alone.
    Release,
    /// The program that `cargo test` builds together with the live tests, which is much faster to build.
    Test,
}

impl Profile {
    /// Returns the path of the program.
    pub(crate) fn program(self) -> PathBuf {
        match self {
            Self::Release => paths::made().join("s2i"),
            Self::Test => paths::target().join("debug/s2i"),
        }
    }
}

/// Builds everything: the agent, and then `s2i`, which embeds it, and the scripts of images at the same time. Returns
/// the path of `s2i`.
pub(crate) fn s2i(arch: Arch, profile: Profile) -> Result<PathBuf> {
    agent(arch)?;
    thread::scope(|scope| {
        // Its last step has one thread. Cargo locks only the directory of a target and a profile.
        let scripts = scope.spawn(|| scripts(arch));
        let built = command(profile);
        scripts.join().expect("it does not panic")?;
        built
    })?;
    Ok(profile.program())
}

/// Builds `s2i` alone.
fn command(profile: Profile) -> Result<()> {
    match profile {
        Profile::Release => {
            host::run(cargo().args(["build", "--release", "--locked", "--package", "s2i-cli"]))?;
            install(&paths::target().join("release/s2i"), &profile.program())
        }
        // The whole workspace, so that the tests after it are built with the same features.
        Profile::Test => host::run(cargo().args([
            "test",
            "--workspace",
            "--locked",
            "--test",
            "live",
            "--no-run",
        ])),
    }
}

/// Adds Rust's target for the static programs if it is missing and rustup is installed. Otherwise fails with the
/// command that adds it.
pub(crate) fn install_target(arch: Arch) -> Result<()> {
    let target = arch.target();
    if is_installed(&target)? {
        return Ok(());
    }
    if host::find("rustup").is_none() {
        bail!(
            "the standard library of Rust for {target} is not installed, and there is no rustup to get it"
        );
    }
    // Without this, rustup would install it only with an update of the whole toolchain.
    println!("adding Rust's target {target}");
    host::run(Command::new("rustup").args(["target", "add", &target]))
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(paths::root());
    cargo
}

/// Builds one static program with its usual features, and returns its path.
fn program(package: &str, binary: &str, arch: Arch, profile: &str) -> Result<PathBuf> {
    let made = paths::made().join(arch.rust()).join(binary);
    build(package, binary, arch, profile, &[], &made)?;
    Ok(made)
}

/// Builds one static program with these options and copies it. Each package is built alone, so that the features of
/// others do not affect it.
fn build(
    package: &str,
    binary: &str,
    arch: Arch,
    profile: &str,
    options: &[&str],
    made: &Path,
) -> Result<()> {
    let target = arch.target();
    if !is_installed(&target)? {
        if made.is_file() {
            eprintln!(
                "{}: taken as it is, for Rust's target {target} is not installed",
                made.display()
            );
            return Ok(());
        }
        bail!(
            "can't build {binary} for {arch}; add Rust's target with: rustup target add {target}"
        );
    }
    let mut cargo = cargo();
    let neutral = neutral_paths();
    cargo
        .args(["build", "--locked", "--profile", profile])
        .arg("--config")
        .arg(format!("target.{target}.rustflags = {neutral:?}"))
        .args(["--package", package, "--bin", binary, "--target", &target])
        .args(options);
    if profile == STATIC {
        cargo.envs(compiler::variables(arch)?);
    }
    host::run(&mut cargo)?;
    let built = paths::target().join(&target).join(profile).join(binary);
    install(&built, made)
}

/// Returns compiler options that keep paths of this machine out of programs, so that the same source gives the
/// same program everywhere.
fn neutral_paths() -> Vec<String> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home);
    let cargo = cargo.map(|from| format!("--remap-path-prefix={}=/cargo", from.display()));
    let root = format!("--remap-path-prefix={}=/s2i", paths::root().display());
    cargo.into_iter().chain([root]).collect()
}

/// Copies only changed files, so that modification times show the changes.
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

/// Returns whether the standard library for `target` is installed: rustup's targets are directories beside that
/// of the compiler.
fn is_installed(target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries =
        host::output(Command::new(rustc).args(["--print", "target-libdir", "--target", target]))?;
    Ok(Path::new(libraries.trim()).is_dir())
}
