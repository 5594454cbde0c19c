//! The shell and the tools of builder images, as build scripts of projects call them.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::kit;

#[test]
fn builders_have_the_tools_of_build_scripts() {
    for builder in ["s2i/binary", "s2i/node"] {
        let Some(live) = kit::with(&[builder]) else {
            return;
        };
        // Finding the user builds another source in the same directory.
        let user = kit::random_user(&live);
        let source = live.source(&[(".s2i/bin/assemble", include_str!("tools.sh"))]);
        let script = source.join(".s2i/bin/assemble");
        fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
        let options = ["--no-cache", "--network", "none", "--assemble-user", user];
        live.build_with(builder, &options, &source)
            .succeeds()
            .says("all tools work");
    }
}
