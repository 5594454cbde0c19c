//! The table of images.

use s2i_build::ports::ImageSummary;
use s2i_core::{Printable, image::format_timestamp};

/// Returns a table with a heading and one line for each name of an image.
pub(crate) fn images(images: &[ImageSummary]) -> String {
    let heading = ["NAME", "ID", "SIZE", "CREATED"].map(str::to_owned);
    let mut rows: Vec<_> = images.iter().flat_map(rows_of).collect();
    rows.sort();
    rows.insert(0, heading);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2].map(|column| width(column).unwrap_or_default());
    rows.iter()
        .fold(String::new(), |text, [name, id, size, created]| {
            let [names, ids, sizes] = widths;
            text + &format!("{name:names$}  {id:ids$}  {size:>sizes$}  {created}\n")
        })
}

fn rows_of(image: &ImageSummary) -> impl Iterator<Item = [String; 4]> {
    let mut names = image.names.clone();
    if names.is_empty() {
        names.insert("<none>".to_owned());
    }
    let id = short_id(&image.id);
    let size = super::size(image.size);
    let created = image.created.map_or_else(|| "-".to_owned(), time);
    names.into_iter().map(move |name| {
        [
            Printable::line(familiar(&name)).into(),
            id.clone(),
            size.clone(),
            created.clone(),
        ]
    })
}

/// Returns the short form of a name.
fn familiar(name: &str) -> &str {
    match name.strip_prefix("docker.io/") {
        Some(rest) => rest.strip_prefix("library/").unwrap_or(rest),
        None => name,
    }
}

/// Returns the first digits of an ID, enough to distinguish images.
pub(crate) fn short_id(id: &str) -> String {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.chars().take(12).collect()
}

/// Returns a time as `YYYY-MM-DD hh:mm` in UTC, or `-` for one before 1970.
fn time(seconds: i64) -> String {
    let Ok(seconds) = u64::try_from(seconds) else {
        return "-".into();
    };
    let timestamp = format_timestamp(seconds);
    let (date, time) = timestamp.split_once('T').unwrap_or_default();
    format!("{date} {}", &time[..5])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc_without_seconds() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00"),
            (315_532_801, "1980-01-01 00:00"),
            (981_173_106, "2001-02-03 04:05"),
            (-1, "-"),
        ] {
            assert_eq!(time(seconds), expected);
        }
    }

    #[test]
    fn every_name_has_a_line() {
        let image = |names: &[&str], created| ImageSummary {
            id: format!("sha256:{}", "0123456789abcdef".repeat(4)),
            names: names.iter().map(ToString::to_string).collect(),
            size: 72_900_000,
            created,
        };
        let list = [
            image(
                &["docker.io/s2i/go:latest", "localhost/app:1"],
                Some(315_532_801),
            ),
            image(&[], None),
            image(&["docker.io/library/web:latest"], None),
        ];
        insta::assert_snapshot!(images(&list), @"
        NAME             ID                SIZE  CREATED
        <none>           0123456789ab  72.90 MB  -
        localhost/app:1  0123456789ab  72.90 MB  1980-01-01 00:00
        s2i/go:latest    0123456789ab  72.90 MB  1980-01-01 00:00
        web:latest       0123456789ab  72.90 MB  -
        ");
    }
}
