//! Variables for builds of Go.

use super::{VARIABLE, Variable};

/// Lets Go call a C compiler.
pub const CGO_ENABLED: &str = "CGO_ENABLED";
/// Flags for every `go` command.
pub const GOFLAGS: &str = "GOFLAGS";
/// Flags for Go's linker.
pub const GO_LDFLAGS: &str = "GO_LDFLAGS";
/// Build tags for Go.
pub const GO_TAGS: &str = "GO_TAGS";
/// The Go packages that are built.
pub const GO_TARGET: &str = "GO_TARGET";
/// The import path of a source without go.mod.
pub const IMPORT_URL: &str = "IMPORT_URL";
/// Makes tests a condition of the build.
pub const GO_TEST: &str = "GO_TEST";
/// Has programs packed.
pub const COMPRESS_BINARY: &str = "COMPRESS_BINARY";
/// The modules that do not come from a public proxy.
pub const GOPRIVATE: &str = "GOPRIVATE";
/// The file with names and passwords for hosts.
pub const NETRC: &str = "NETRC";

pub(super) const ALL: [Variable; 10] = [
    Variable {
        name: GO_TARGET,
        aliases: &["BP_GO_TARGETS", "INSTALL_URL", "MAIN_PATH"],
        meaning: "the main packages to build, relative to the source, such as `./cmd/web`, separated by commas, or `./...` for all; by default the root, else those below `cmd/`",
        ..VARIABLE
    },
    Variable {
        name: GO_LDFLAGS,
        aliases: &["BP_GO_BUILD_LDFLAGS"],
        default: "-s -w",
        meaning: "flags for Go's linker, in place of the default; `{{.Version}}`, `{{.Commit}}` and `{{.Date}}` stand for those of the source",
        ..VARIABLE
    },
    Variable {
        name: GO_TAGS,
        meaning: "build tags for Go, separated by commas",
        ..VARIABLE
    },
    Variable {
        name: GO_TEST,
        default: "false",
        meaning: "`true` runs the tests of the source, which must pass; needs an image with `go vet` in it",
        ..VARIABLE
    },
    Variable {
        name: GOFLAGS,
        aliases: &["BP_GO_BUILD_FLAGS"],
        meaning: "flags for every `go` command; they win over those that assemble would set, and so does `-mod`",
        ..VARIABLE
    },
    Variable {
        name: IMPORT_URL,
        aliases: &["BP_GO_BUILD_IMPORT_PATH"],
        meaning: "the import path of a source without go.mod; by default what its import comment says",
        ..VARIABLE
    },
    Variable {
        name: GOPRIVATE,
        meaning: "modules that come from their own hosts and not from a public proxy, as Go's documentation has it",
        ..VARIABLE
    },
    Variable {
        name: NETRC,
        meaning: "a file outside of the image with names and passwords for hosts of modules, such as a mounted secret",
        ..VARIABLE
    },
    Variable {
        name: CGO_ENABLED,
        default: "0",
        meaning: "`1` lets Go call a C compiler, which this image does not have",
        ..VARIABLE
    },
    Variable {
        name: COMPRESS_BINARY,
        default: "false",
        meaning: "`true` packs programs with `upx`, which has to be in the image; they start slower and need more memory",
        ..VARIABLE
    },
];
