//! Times as configs have them.

/// Returns seconds since 1970 as RFC 3339 text in UTC, for `created` fields.
///
/// ```
/// assert_eq!(s2i_core::image::format_timestamp(315_532_801), "1980-01-01T00:00:01Z");
/// ```
#[must_use]
pub fn format_timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil date from days, with years that start in March (so that the leap day comes last).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest % 3600 / 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Returns the seconds since 1970 of an RFC 3339 text. Fractions of seconds are dropped, any time zone is
/// understood, and a text that is no such time is `None`.
///
/// ```
/// use s2i_core::image::parse_timestamp;
///
/// assert_eq!(parse_timestamp("1980-01-01T00:00:01Z"), Some(315_532_801));
/// assert_eq!(parse_timestamp("1980-01-01T01:30:01.5+01:30"), Some(315_532_801));
/// assert_eq!(parse_timestamp("yesterday"), None);
/// ```
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (time, zone) = time.split_at(time.find(['Z', 'z', '+', '-'])?);
    let time = time.split('.').next()?;
    let ahead = match zone.split_at(1) {
        ("Z" | "z", "") => 0,
        ("+", zone) => clock(zone)?,
        ("-", zone) => -clock(zone)?,
        _ => return None,
    };
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days from a civil date, with years that start in March.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + clock(time)? - ahead)
}

/// Seconds of `HH:MM[:SS]`.
fn clock(text: &str) -> Option<i64> {
    let units = [3600, 60, 1];
    let parts = text.split(':').map(|part| part.parse::<u8>().ok());
    let parts = parts.collect::<Option<Vec<_>>>()?;
    (2..=3).contains(&parts.len()).then(|| {
        let sums = parts.iter().zip(units);
        sums.map(|(part, unit)| i64::from(*part) * unit).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_have_four_digits() {
        for (year, is_one) in [
            ("9999", true),
            ("10000", false),
            ("9223372036854775807", false),
        ] {
            let time = parse_timestamp(&format!("{year}-01-01T00:00:00Z"));
            assert_eq!(time.is_some(), is_one, "{year}");
        }
    }

    #[test]
    fn timestamps_are_read_as_they_are_written() {
        for time in (0..4_000_000_000).step_by(86_399 * 17) {
            assert_eq!(
                parse_timestamp(&format_timestamp(time)),
                i64::try_from(time).ok(),
                "{time}"
            );
        }
        assert_eq!(format_timestamp(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(format_timestamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(format_timestamp(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(format_timestamp(4_102_444_800), "2100-01-01T00:00:00Z");
    }
}
