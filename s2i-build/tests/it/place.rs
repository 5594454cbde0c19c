//! A directory for one test, with a source in it.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use s2i_build::{
    BuildContext, CancelToken, SourceError,
    event::Progress,
    ports::SourceReader as _,
    request::SourceRequest,
    source::{Fetched, LocalAndGit, usual_git},
};
use s2i_core::{ErrorChain, Times};
use tempfile::TempDir;

/// A place for one test: a source and a directory for checkouts.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tmp")).unwrap();
        fs::create_dir(dir.path().join("app")).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path("app").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn git(&self, args: &[&str]) {
        git(&self.path("app"), args);
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "A subject"]);
    }

    pub(crate) fn request(&self) -> SourceRequest {
        SourceRequest::new(self.path("app").to_str().unwrap().parse().unwrap())
    }

    /// The port that gets it.
    pub(crate) fn source(&self) -> LocalAndGit {
        LocalAndGit {
            working_dir: self.dir.path().into(),
            temp_dir: self.path("tmp"),
            git: usual_git,
            platform: None,
        }
    }

    pub(crate) fn fetch(&self, request: &SourceRequest) -> Result<Fetched, SourceError> {
        fetch(self, usual_git, request)
    }

    /// Fetches and checks that no checkout stays.
    #[track_caller]
    pub(crate) fn check(&self, request: &SourceRequest, expected: Result<&str, &str>) {
        let shown = match self.fetch(request) {
            Ok(fetched) => Ok(names(&fetched)),
            Err(err) => Err(err
                .to_string()
                .replace(self.dir.path().to_str().unwrap(), "PLACE")),
        };
        assert_eq!(shown.as_deref().map_err(String::as_str), expected);
        assert_eq!(fs::read_dir(self.path("tmp")).unwrap().count(), 0);
    }
}

/// Fetches with another command for Git.
pub(crate) fn fetch(
    place: &Place,
    program: fn() -> Command,
    request: &SourceRequest,
) -> Result<Fetched, SourceError> {
    let source = LocalAndGit {
        git: program,
        ..place.source()
    };
    let (progress, cancel) = (Progress::new(&()), CancelToken::default());
    pollster::block_on(source.fetch(request, BuildContext::new(&progress, &cancel)))
}

/// Checks that the source of the place can't be fetched, with this text in the error, and that no checkout stays.
#[track_caller]
pub(crate) fn fails(place: &Place, program: fn() -> Command, expected: &str) {
    let err = fetch(place, program, &place.request()).unwrap_err();
    let text = ErrorChain(&err).to_string();
    let text = text.replace(place.dir.path().to_str().unwrap(), "PLACE");
    assert!(text.contains(expected), "{text}");
    let left = fs::read_dir(place.path("tmp")).unwrap().count();
    assert_eq!(left, 0);
}

pub(crate) fn git(dir: &Path, args: &[&str]) {
    let identity = [
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "init.defaultBranch=main",
    ];
    let status = Command::new("git")
        .args(identity)
        .args(args)
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(status.success(), "git {args:?}");
}

/// The entries of the tree's archive.
pub(crate) fn names(fetched: &Fetched) -> String {
    let bytes = pollster::block_on(async {
        use futures_util::StreamExt as _;
        let pieces: Vec<_> = fetched
            .tree(Times::default())
            .into_archive()
            .collect()
            .await;
        pieces
            .into_iter()
            .flat_map(Result::unwrap)
            .collect::<Vec<u8>>()
    });
    listed(&bytes)
}

/// The entries of an archive, with the contents of files.
pub(crate) fn listed(bytes: &[u8]) -> String {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap();
    let names = entries.map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        if text.is_empty() {
            name
        } else {
            format!("{name}={}", text.trim())
        }
    });
    names.collect::<Vec<_>>().join(" ")
}
