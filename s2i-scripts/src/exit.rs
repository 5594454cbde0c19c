//! The exit codes of the scripts: part of their interface, so none changes its meaning.

/// Everything worked.
pub const OK: u8 = 0;
/// A file or directory could not be read, written or removed.
pub const FAILED: u8 = 1;
/// An argument or an environment variable has a value that cannot be used.
pub const USAGE: u8 = 2;
/// The program was started by a name that is none of the five scripts.
pub const UNKNOWN_SCRIPT: u8 = 3;
/// There is no source, or nothing in it that this builder can build.
pub const NOT_RECOGNISED: u8 = 10;
/// The source or the image leaves a choice that the user has to make.
pub const CHOICE: u8 = 11;
/// The toolchain is missing, does not work, or is not what the source asks for.
pub const TOOLCHAIN: u8 = 12;
/// A command of the toolchain failed; its own messages stand above.
pub const BUILD: u8 = 13;
/// The artifacts could not be saved; what stands on the standard output is not to be used.
pub const SAVE: u8 = 14;
/// A file of the image holds a secret.
pub const SECRET: u8 = 15;
/// A file of the source is not what it should be: another digest, another processor.
pub const NOT_FIT: u8 = 16;
/// The application is there and cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// There is no application in the image.
pub const NO_APPLICATION: u8 = 127;

/// Every code with what it means, as `usage --json` prints them.
pub const MEANINGS: [(u8, &str); 13] = [
    (OK, "everything worked"),
    (
        FAILED,
        "a file or directory could not be read, written or removed",
    ),
    (
        USAGE,
        "an argument or an environment variable has a value that cannot be used",
    ),
    (
        UNKNOWN_SCRIPT,
        "started by a name that is none of the five scripts",
    ),
    (
        NOT_RECOGNISED,
        "there is nothing in the source that this builder can build",
    ),
    (
        CHOICE,
        "the source or the image leaves a choice that the user has to make",
    ),
    (
        TOOLCHAIN,
        "the toolchain is missing, does not work, or is not what the source asks for",
    ),
    (BUILD, "a command of the toolchain failed"),
    (SAVE, "the artifacts could not be saved"),
    (SECRET, "a file of the image holds a secret"),
    (
        NOT_FIT,
        "a file of the source has another digest than it should, or is for another processor or system",
    ),
    (NOT_EXECUTABLE, "the application cannot be executed"),
    (NO_APPLICATION, "there is no application in the image"),
];
