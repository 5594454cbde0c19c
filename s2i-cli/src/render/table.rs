//! The table of images.

use std::collections::BTreeSet;

use s2i_build::ports::ImageSummary;
use s2i_core::Printable;

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
    let none = BTreeSet::from(["<none>".to_owned()]);
    let names = if image.names.is_empty() {
        none
    } else {
        image.names.clone()
    };
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
    let Some(rest) = name.strip_prefix("docker.io/") else {
        return name;
    };
    rest.strip_prefix("library/").unwrap_or(rest)
}

/// Returns the first digits of an ID, enough to distinguish images.
pub(crate) fn short_id(id: &str) -> String {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.chars().take(12).collect()
}

/// Returns a time as `YYYY-MM-DD hh:mm` in UTC.
fn time(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years that start in March have their leap day at the end, and all eras of 400 years are alike.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_calendars_have_them() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00"),
            (315_532_801, "1980-01-01 00:00"),
            (951_782_399, "2000-02-28 23:59"),
            (951_868_799, "2000-02-29 23:59"),
            (951_868_800, "2000-03-01 00:00"),
            (981_173_106, "2001-02-03 04:05"),
            (4_107_542_400, "2100-03-01 00:00"),
            (-1, "1969-12-31 23:59"),
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
