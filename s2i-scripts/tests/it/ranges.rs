//! Ranges of versions, compared with npm.

use std::{fmt::Write as _, fs, process::Command};

use s2i_scripts::range::{Fit, Range, Version, fit};

use crate::image::{Image, skip};

/// Comparators, each combined with others in all ways of `engines`.
const COMPARATORS: [&str; 30] = [
    "*",
    "",
    "20",
    "20.x",
    "20.1",
    "20.1.x",
    "20.1.2",
    "v20.1.2",
    "=20.1.2",
    ">20",
    ">=20",
    "<20",
    "<=20",
    ">20.1",
    ">=20.1",
    "<20.1",
    "<=20.1",
    ">20.1.2",
    "<=20.1.2",
    "^20",
    "^20.1",
    "^20.1.2",
    "~20",
    "~20.1",
    "~20.1.2",
    "^0.1.2",
    ">20.1.2-rc.1",
    "20.1.2-rc.1",
    ">=20.1.2-0",
    "20.X.3",
];

const VERSIONS: [&str; 14] = [
    "0.1.2", "0.1.3", "0.2.0", "19.9.9", "20.0.0", "20.0.9", "20.1.0", "20.1.1", "20.1.2",
    "20.1.3", "20.2.0", "20.9.0", "21.0.0", "22.3.4",
];

fn ranges() -> Vec<String> {
    let mut ranges: Vec<_> = COMPARATORS.map(str::to_owned).to_vec();
    for first in COMPARATORS {
        for second in ["<21", ">=20.1.1", "~20.1"] {
            ranges.push(format!("{first} {second}").trim().to_owned());
            ranges.push(format!("{first} || {second}"));
        }
    }
    for (from, to) in [
        ("20", "20"),
        ("20.0.1", "20.1"),
        ("19.x", "20.1.2"),
        ("0.1", "19"),
    ] {
        ranges.push(format!("{from} - {to}"));
    }
    ranges.extend([">= 20.1", "> 19 <= 20.1.2", "^20.1 || ^0.1", ">=20 <20"].map(str::to_owned));
    // Texts that are not ranges, and borderline cases.
    let odd = [
        "latest",
        "lts/*",
        "1.2.3.4",
        "=>18",
        "18 or 20",
        ">=18, <21",
        "01.2.3",
        "||",
        "^x",
        ">*",
    ];
    ranges.extend(odd.map(str::to_owned));
    ranges
}

#[test]
fn versions_compare_with_ranges_as_in_npm() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let npm = fs::canonicalize(image.path("tools/npm")).unwrap();
    let package = npm.ancestors().map(|path| path.join("node_modules/semver"));
    let Some(semver) = package.into_iter().find(|path| path.is_dir()) else {
        skip("npm does not come with its package semver");
        return;
    };
    let ranges = ranges();
    let script = format!(
        "const s = require({semver:?});
        const letter = (v, r) => {{
            if (s.validRange(r) === null) return '?';
            if (s.satisfies(v, r)) return '=';
            const lowest = s.minVersion(r);
            return lowest === null || s.lt(v, lowest) ? '<' : '>';
        }};
        for (const r of {ranges:?}) console.log({VERSIONS:?}.map(v => letter(v, r)).join(''))",
    );
    let output = Command::new(image.path("tools/node"))
        .args(["-e", &script])
        .output()
        .unwrap();
    let expected = String::from_utf8(output.stdout).unwrap();
    let mut actual = String::new();
    for range in &ranges {
        let parsed: Option<Range> = range.parse().ok();
        for version in VERSIONS {
            let version: Version = version.parse().unwrap();
            actual.push(match parsed.as_ref().map(|range| fit(range, &version)) {
                None => '?',
                Some(Fit::Inside) => '=',
                Some(Fit::TooOld) => '<',
                Some(Fit::TooNew) => '>',
            });
        }
        writeln!(actual).unwrap();
    }
    for ((range, actual), expected) in ranges.iter().zip(actual.lines()).zip(expected.lines()) {
        assert_eq!(actual, expected, "{range:?} against {VERSIONS:?}");
    }
    assert_eq!(expected.lines().count(), ranges.len());
}
