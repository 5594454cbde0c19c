//! User namespaces, in which an ordinary user has root's rights over containers.
//!
//! [`enter()`] puts this process into a new one: it keeps its process id, terminal, signals, environment and groups,
//! and its children are in the namespace with it. The user is root there, and the users of images have ids that the
//! administrator has set apart (`/etc/subuid`). Files with such owners can only be removed from inside.
//!
//! A program that looks up the account of its user id finds root there, as OpenSSH does, which reads keys from the
//! account's home directory. Such programs are started by [`supervised_command()`](crate::supervised_command()).

mod enter;
mod ids;
pub(crate) mod mapper;
mod probe;
pub(crate) mod restore_ids;
pub(crate) mod trial;

pub use enter::{Error, enter};
pub use ids::{Plan, Range, is_inside};
pub use probe::{Report, probe};
