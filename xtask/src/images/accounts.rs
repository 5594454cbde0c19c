//! The users and directories that every image has.

use anyhow::Result;
use s2i_oci::layer::{LayerBuilder, Owner};

use super::put;

/// The user that builds and runs applications. Platforms that choose a user ID of their own always choose group
/// 0, so that group has the same write permissions as this user.
pub(super) const APPLICATION: Owner = Owner { uid: 1001, gid: 0 };

const PASSWD: &str = "\
root:x:0:0:root:/root:/sbin/nologin
default:x:1001:0:Default Application User:/opt/app-root/src:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
";

const GROUP: &str = "\
root:x:0:
nobody:x:65534:
";

const NSSWITCH: &str = "\
passwd: files
group: files
hosts: files dns
";

/// Adds them. Group 0 can write `passwd`, so that a start script can add the ID under which it runs.
pub(super) fn add(layer: &mut LayerBuilder) -> Result<()> {
    put(layer, "etc/passwd", 0o664, PASSWD.as_bytes().to_vec())?;
    put(layer, "etc/group", 0o644, GROUP.as_bytes().to_vec())?;
    put(
        layer,
        "etc/nsswitch.conf",
        0o644,
        NSSWITCH.as_bytes().to_vec(),
    )?;
    layer.directory("tmp", 0o1777, Owner::ROOT)?;
    layer.directory("root", 0o700, Owner::ROOT)?;
    layer.directory("opt", 0o755, Owner::ROOT)?;
    for name in ["opt/app-root", "opt/app-root/bin", "opt/app-root/src"] {
        layer.directory(name, 0o775, APPLICATION)?;
    }
    Ok(())
}
