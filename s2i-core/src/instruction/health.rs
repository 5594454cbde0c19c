//! `HEALTHCHECK`.

use super::{Instruction, Line, Parsed, exec_form};
use crate::image::HealthCheck;

impl Line<'_> {
    pub(super) fn health_check(&self) -> Parsed<Instruction> {
        let (options, rest) = self.options();
        if rest.eq_ignore_ascii_case("NONE") {
            return Ok(Instruction::HealthCheck(None));
        }
        let bad = || self.fault("needs `NONE`, or `CMD` and a command");
        let (kind, command) = rest.split_once(char::is_whitespace).ok_or_else(bad)?;
        if !kind.eq_ignore_ascii_case("CMD") {
            return Err(bad());
        }
        let command = command.trim();
        let test = match exec_form(command) {
            Some(argv) => [vec!["CMD".to_owned()], argv].concat(),
            None => vec!["CMD-SHELL".into(), command.into()],
        };
        let mut check = HealthCheck {
            test,
            ..HealthCheck::default()
        };
        for (option, value) in options {
            let value = self.expanded(value)?;
            let time = || nanoseconds(&value).ok_or_else(|| self.fault("has an invalid time"));
            match option {
                "interval" => check.interval = Some(time()?),
                "timeout" => check.timeout = Some(time()?),
                "start-period" => check.start_period = Some(time()?),
                "start-interval" => check.start_interval = Some(time()?),
                "retries" => {
                    let retries = value.parse::<u32>();
                    let retries = retries.map_err(|_| self.fault("has an invalid number"))?;
                    check.retries = Some(retries.into());
                }
                _ => return Err(self.unsupported(&format!("--{option}"))),
            }
        }
        Ok(Instruction::HealthCheck(Some(check)))
    }
}

/// Returns the nanoseconds of a time in the notation of Go, such as `1m30s`, `500ms` or `1.5h`.
fn nanoseconds(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, after) = after.split_at(end.unwrap_or(after.len()));
        let unit: i64 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let whole: i64 = match whole {
            "" if part.is_empty() => return None,
            "" => 0,
            whole => whole.parse().ok()?,
        };
        total = total.checked_add(whole.checked_mul(unit)?)?;
        let mut place = unit;
        for digit in part.chars() {
            place /= 10;
            total = total.checked_add(place.checked_mul(digit.to_digit(10)?.into())?)?;
        }
        rest = after;
    }
    Some(total).filter(|total| *total > 0)
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn times_have_the_notation_of_go() {
        for (text, expected) in [
            ("30s", Some(30_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("500ms", Some(500_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            (".5s", Some(500_000_000)),
            ("", None),
            ("0s", None),
            ("30", None),
            ("s", None),
            ("-1s", None),
            ("1x", None),
            ("1.2.3s", None),
            ("99999999999h", None),
        ] {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }
}
