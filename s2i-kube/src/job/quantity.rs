//! Amounts of memory, storage and processors, as Kubernetes writes them.

use std::{cmp::Ordering, fmt, str::FromStr};

use k8s_openapi::apimachinery::pkg::api::resource;

use super::JobError;

/// The units with the power of ten or two that they stand for.
const UNITS: [(&str, Unit); 14] = [
    ("Ki", Unit::Two(10)),
    ("Mi", Unit::Two(20)),
    ("Gi", Unit::Two(30)),
    ("Ti", Unit::Two(40)),
    ("Pi", Unit::Two(50)),
    ("Ei", Unit::Two(60)),
    ("m", Unit::Ten(-3)),
    ("k", Unit::Ten(3)),
    ("M", Unit::Ten(6)),
    ("G", Unit::Ten(9)),
    ("T", Unit::Ten(12)),
    ("P", Unit::Ten(15)),
    ("E", Unit::Ten(18)),
    ("", Unit::Ten(0)),
];

#[derive(Clone, Copy)]
enum Unit {
    Two(u32),
    Ten(i32),
}

/// An amount: a positive number of up to 15 digits, a fraction of up to three, and a unit such as `m`, `Mi` or `G`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    text: String,
    /// The amount in thousandths.
    milli: u128,
}

impl Quantity {
    /// Returns an amount of GiB.
    #[must_use]
    pub fn gibibytes(number: u32) -> Self {
        Self {
            text: format!("{number}Gi"),
            milli: (u128::from(number) * 1000) << 30,
        }
    }

    /// Returns the amount in thousandths of the unit without a prefix.
    #[must_use]
    pub fn milli(&self) -> u128 {
        self.milli
    }

    /// Returns the amount as the API has it.
    pub(crate) fn object(&self) -> resource::Quantity {
        resource::Quantity(self.text.clone())
    }
}

impl FromStr for Quantity {
    type Err = JobError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || JobError::Amount(text.to_owned());
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str, most| {
            !part.is_empty() && part.len() <= most && part.bytes().all(|b| b.is_ascii_digit())
        };
        if !digits(whole, 15) || !digits(fraction, 3) {
            return Err(error());
        }
        let (_, unit) = UNITS
            .into_iter()
            .find(|(name, _)| *name == suffix)
            .ok_or_else(error)?;
        let milli: u128 = format!("{whole}{fraction:0<3}")
            .parse()
            .map_err(|_| error())?;
        let milli = match unit {
            Unit::Two(bits) => milli << bits,
            Unit::Ten(power) if power < 0 => milli / 10u128.pow(power.unsigned_abs()),
            Unit::Ten(power) => milli * 10u128.pow(power.unsigned_abs()),
        };
        if milli == 0 {
            return Err(error());
        }
        Ok(Self {
            text: text.to_owned(),
            milli,
        })
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.milli.cmp(&other.milli))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_value_that_kubernetes_gives_them() {
        let cases = [
            ("1", 1000),
            ("500m", 500),
            ("1.5", 1500),
            ("2Ki", 2048 * 1000),
            ("0.5Gi", 512 * 1024 * 1024 * 1000),
            ("3M", 3_000_000_000),
        ];
        for (text, milli) in cases {
            assert_eq!(text.parse::<Quantity>().unwrap().milli(), milli, "{text}");
        }
        assert!("1Gi".parse::<Quantity>().unwrap() > "1G".parse::<Quantity>().unwrap());
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "0",
            "-1",
            "1 Gi",
            "1gi",
            "1.",
            ".5",
            "1.0001",
            "1e3",
            "9999999999999999Ei",
            "１",
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }
}
