//! The part of a Go toolchain that builds need.
//!
//! A released toolchain contains the sources of its own tools, the tests of the standard library and its
//! variants for thirty platforms. A builder needs four programs and the files of the standard library for its
//! own platform, without comments. Both formats of toolchains are supported: the zip archive of the module, and
//! the wheel.

use std::{
    fs::{self, File},
    io::{BufReader, Read},
    path::Path,
};

use anyhow::{Context, Result, bail};
use s2i_oci::layer::LayerBuilder;
use zip::ZipArchive;

use super::{gosource, platform, put, symbols};
use crate::dist::Arch;

/// The directory of the toolchain in the image.
const GOROOT: &str = "usr/local/go";

/// Packages below `src` that no application can import, and that only tests and tools outside of the image use.
/// No other packages embed files.
const NOT_FOR_APPLICATIONS: &[&str] = &[
    "cmd",
    "encoding/json/internal/jsontest",
    "internal/trace/traceviewer",
];

/// The treatment of a file of the toolchain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The file is copied unchanged.
    Plain,
    /// The file is copied without comments.
    Source,
}

/// A toolchain in its archive.
pub(super) struct Toolchain {
    zip: ZipArchive<BufReader<File>>,
    arch: Arch,
    /// The number in the archive, and the name below `GOROOT`.
    files: Vec<(usize, String)>,
}

impl Toolchain {
    /// Opens the archive.
    pub(super) fn open(archive: &Path, arch: Arch) -> Result<Self> {
        let file =
            File::open(archive).with_context(|| format!("can't open {}", archive.display()))?;
        let zip =
            ZipArchive::new(BufReader::new(file)).context("the toolchain is not a zip archive")?;
        let names: Vec<_> = (0..zip.len())
            .map(|index| zip.name_for_index(index).unwrap_or_default().to_owned())
            .collect();
        let versions = names.iter().filter(|name| name.ends_with("/VERSION"));
        let version = versions.min_by_key(|name| name.len());
        let version = version.context("the toolchain has no file `VERSION`")?;
        let root = version.trim_end_matches("VERSION");
        let files = names.iter().enumerate();
        let files = files.filter_map(|(index, name)| Some((index, name.strip_prefix(root)?)));
        let files = files.filter(|(_, name)| !name.is_empty() && !name.ends_with('/'));
        let mut files: Vec<_> = files.map(|(index, name)| (index, original(name))).collect();
        files.sort_unstable_by(|one, two| one.1.cmp(&two.1));
        Ok(Self { zip, arch, files })
    }

    /// Returns one file.
    pub(super) fn file(&mut self, name: &str) -> Result<Vec<u8>> {
        let files = &self.files;
        let index = files.binary_search_by(|(_, file)| file.as_str().cmp(name));
        let index = index.ok();
        self.read(index.with_context(|| format!("the toolchain has no file `{name}`"))?)
    }

    fn read(&mut self, file: usize) -> Result<Vec<u8>> {
        let (index, name) = &self.files[file];
        let mut read = || -> Result<Vec<u8>> {
            let mut entry = self.zip.by_index(*index)?;
            let mut bytes = Vec::with_capacity(usize::try_from(entry.size())?);
            entry.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().with_context(|| format!("`{name}` of the toolchain"))
    }

    /// Adds the files that builds need. Programs are stored in `work` until the layer is built.
    pub(super) fn add(&mut self, layer: &mut LayerBuilder, work: &Path) -> Result<()> {
        self.add_programs(layer, work, PROGRAMS)?;
        for file in 0..self.files.len() {
            let name = self.files[file].1.clone();
            let content = match part(&name, self.arch) {
                Some(Part::Plain) => Some(self.read(file)?),
                Some(Part::Source) => source(&self.read(file)?)
                    .with_context(|| format!("`{name}` of the toolchain"))?,
                None => None,
            };
            if let Some(content) = content {
                put(layer, &format!("{GOROOT}/{name}"), 0o644, content)?;
            }
        }
        Ok(())
    }

    /// Adds programs without their symbols. They are stored in `work` until the layer is built.
    pub(super) fn add_programs(
        &mut self,
        layer: &mut LayerBuilder,
        work: &Path,
        programs: &[&str],
    ) -> Result<()> {
        for program in programs {
            let name = if IN_BIN.contains(program) {
                format!("bin/{program}")
            } else {
                format!("pkg/tool/linux_{}/{program}", self.arch)
            };
            let stripped = symbols::strip(&self.file(&name)?);
            let stripped = stripped.with_context(|| format!("`{name}` of the toolchain"))?;
            let path = work.join(name.replace('/', "-"));
            fs::write(&path, stripped)
                .with_context(|| format!("can't write {}", path.display()))?;
            put(layer, &format!("{GOROOT}/{name}"), 0o755, path)?;
        }
        Ok(())
    }
}

/// The programs that `go build` needs, below `pkg/tool/linux_ARCH` but for [`IN_BIN`].
const PROGRAMS: &[&str] = &["go", "asm", "compile", "link"];

/// The additional programs that `go test`, `go vet` and `go fmt` need.
pub(super) const FOR_TESTS: &[&str] = &["cover", "gofmt", "vet"];

/// The programs in `bin`.
const IN_BIN: &[&str] = &["go", "gofmt"];

/// Returns the original name of a file. In modules, `go.mod` is called `_go.mod`, because a directory with a
/// `go.mod` is another module.
fn original(name: &str) -> String {
    match name.strip_suffix("_go.mod") {
        Some(directory) if directory.is_empty() || directory.ends_with('/') => {
            format!("{directory}go.mod")
        }
        _ => name.to_owned(),
    }
}

fn part(name: &str, arch: Arch) -> Option<Part> {
    match name {
        "VERSION" | "go.env" | "src/go.mod" | "src/vendor/modules.txt" => Some(Part::Plain),
        _ if name.starts_with("pkg/include/") => Some(Part::Plain),
        _ => standard_library(name.strip_prefix("src/")?, arch),
    }
}

fn standard_library(name: &str, arch: Arch) -> Option<Part> {
    let (directory, file) = name.rsplit_once('/')?;
    let is_ignored = |part: &str| part == "testdata" || part.starts_with(['_', '.']);
    let is_below = |left_out: &&str| {
        let rest = directory.strip_prefix(left_out);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if NOT_FOR_APPLICATIONS.iter().any(is_below)
        || directory.split('/').any(is_ignored)
        || is_ignored(file)
    {
        return None;
    }
    match Path::new(file).extension()?.to_str()? {
        "go" | "s" | "h" => platform::is_for(file, arch.go()).then_some(Part::Source),
        _ => None,
    }
}

/// Returns the source for the image, or `None` for a program of the library's authors.
fn source(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let source = gosource::without_comments(bytes);
    if gosource::is_ignored(&source) {
        return Ok(None);
    }
    if gosource::embeds(&source) {
        bail!("it embeds files, which would have to be in the image with it");
    }
    Ok(Some(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let at = |name| part(name, Arch::Arm64);
        assert_eq!(at("bin/go"), None);
        assert_eq!(at("pkg/tool/linux_arm64/vet"), None);
        assert_eq!(at("src/net/http/server.go"), Some(Part::Source));
        assert_eq!(at("src/net/http/server_test.go"), None);
        assert_eq!(at("src/runtime/asm_amd64.s"), None);
        assert_eq!(at("src/runtime/asm_arm64.s"), Some(Part::Source));
        assert_eq!(at("src/runtime/textflag.h"), Some(Part::Source));
        assert_eq!(at("src/cmd/go/main.go"), None);
        assert_eq!(at("src/go/build/testdata/a.go"), None);
        assert_eq!(at("src/internal/trace/traceviewer/http.go"), None);
        assert_eq!(at("src/cmdx/a.go"), Some(Part::Source));
        assert_eq!(at("src/cmd/a.go"), None);
        assert_eq!(at("src/crypto/x/README.md"), None);
        assert_eq!(at("test/a.go"), None);
    }

    #[test]
    fn modules_rename_module_files() {
        assert_eq!(original("src/_go.mod"), "src/go.mod");
        assert_eq!(original("src/a_go.mod"), "src/a_go.mod");
        assert_eq!(original("src/go.mod"), "src/go.mod");
    }

    /// Writes an archive with a small toolchain below `root`.
    fn toolchain(at: &Path, root: &str, names: &[&str]) {
        let mut program = Vec::new();
        let mut elf = object::build::elf::Builder::new(object::Endianness::Little, true);
        elf.header.e_type = object::elf::ET_EXEC;
        let names_of_sections = elf.sections.add();
        names_of_sections.name = b".shstrtab".as_slice().into();
        names_of_sections.sh_type = object::elf::SHT_STRTAB;
        names_of_sections.data = object::build::elf::SectionData::SectionString;
        elf.write(&mut program).unwrap();
        let mut zip = zip::ZipWriter::new(File::create(at).unwrap());
        for name in names {
            let compression = zip::CompressionMethod::Deflated;
            let options = zip::write::SimpleFileOptions::default().compression_method(compression);
            zip.start_file(format!("{root}{name}"), options).unwrap();
            let is_program = name.starts_with("bin/") || name.starts_with("pkg/tool/");
            let bytes = if is_program {
                program.as_slice()
            } else {
                b"package a // why\n"
            };
            std::io::Write::write_all(&mut zip, bytes).unwrap();
        }
        zip.finish().unwrap();
    }

    const FILES: [&str; 10] = [
        "VERSION",
        "bin/go",
        "bin/gofmt",
        "pkg/tool/linux_arm64/asm",
        "pkg/tool/linux_arm64/compile",
        "pkg/tool/linux_arm64/link",
        "pkg/tool/linux_arm64/vet",
        "src/a/a.go",
        "src/a/a_test.go",
        "src/a/a_windows.go",
    ];

    #[test]
    fn modules_and_wheels_give_the_same_layer_every_time() {
        let dir = tempfile::tempdir().unwrap();
        let (module, wheel) = (dir.path().join("module"), dir.path().join("wheel"));
        toolchain(
            &module,
            "golang.org/toolchain@v0.0.1/",
            &[FILES.as_slice(), &["src/_go.mod"]].concat(),
        );
        toolchain(
            &wheel,
            "go/",
            &[FILES.as_slice(), &["src/go.mod", "misc/x"]].concat(),
        );
        let build = |archive: &Path| {
            let mut layer = LayerBuilder::new(1);
            Toolchain::open(archive, Arch::Arm64)
                .unwrap()
                .add(&mut layer, dir.path())
                .unwrap();
            let at = dir.path().join("layer.tar");
            (layer.build(&at).unwrap().diff_id(), fs::read(at).unwrap())
        };
        let (once, bytes) = build(&module);
        assert_eq!(once, build(&module).0);
        assert_eq!(once, build(&wheel).0);
        let text = String::from_utf8_lossy(&bytes);
        for name in [
            "usr/local/go/bin/go",
            "usr/local/go/src/go.mod",
            "usr/local/go/src/a/a.go",
        ] {
            assert!(text.contains(name), "{name}");
        }
        assert!(!text.contains("vet") && !text.contains("_test"));
    }

    #[test]
    fn a_toolchain_without_its_programs_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("archive");
        toolchain(&archive, "go/", &FILES);
        let mut layer = LayerBuilder::new(1);
        let added = Toolchain::open(&archive, Arch::Amd64)
            .unwrap()
            .add(&mut layer, dir.path());
        assert_eq!(
            format!("{:#}", added.unwrap_err()),
            "the toolchain has no file `pkg/tool/linux_amd64/asm`"
        );
    }

    #[test]
    fn sources_lose_comments_and_ignored_ones_are_left_out() {
        let at = |text: &str| source(text.as_bytes()).map(|source| source.map(String::from_utf8));
        assert_eq!(
            at("package a // b\n").unwrap(),
            Some(Ok("package a\n".into()))
        );
        assert_eq!(at("//go:build ignore\n\npackage a\n").unwrap(), None);
        assert!(at("package a\n\n//go:embed b.bin\nvar x embed.FS\n").is_err());
    }
}
