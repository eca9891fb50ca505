//! How a vector is kept in the database: as it was made, or rounded to fewer bytes.
//!
//! Whatever is kept is the truth of the library from then on: a search scores by what is stored, exactly. A rounded vector is
//! read back as a unit vector, so it needs no scale.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// How the numbers of vectors are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// As the model gave them, 4 bytes a number.
    #[default]
    F32,
    /// Rounded to 16-bit floats (IEEE 754 binary16), 2 bytes a number.
    F16,
    /// Rounded to whole numbers from -127 to 127, the largest of a vector being 127, 1 byte a number.
    Int8,
}

/// The largest code.
const TOP: f32 = 127.0;

impl Storage {
    /// Every one, the most exact first.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Int8];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    /// Bytes of a number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::Int8 => 1,
        }
    }

    /// What is kept of a unit vector.
    pub(crate) fn encode(self, vector: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => vector.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F16 => (vector.iter().flat_map(|v| f16_of(*v).to_le_bytes())).collect(),
            Self::Int8 => {
                let top = vector.iter().fold(0f32, |top, v| top.max(v.abs()));
                let factor = if top > 0.0 { TOP / top } else { 0.0 };
                let codes = vector.iter().map(|v| (v * factor).round() as i8);
                codes.map(|code| code.to_le_bytes()[0]).collect()
            }
        }
    }

    /// The numbers of what was kept, of unit length but for f32, which is as it was.
    pub(crate) fn decode(self, bytes: &[u8]) -> Vec<f32> {
        let numbers: Vec<f32> = match self {
            Self::F32 => {
                let numbers = bytes.as_chunks::<4>().0;
                return numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
            }
            Self::F16 => {
                let numbers = bytes.as_chunks::<2>().0;
                let halves = numbers.iter().map(|b| u16::from_le_bytes(*b));
                halves.map(f32_of).collect()
            }
            Self::Int8 => bytes
                .iter()
                .map(|b| f32::from(i8::from_le_bytes([*b])))
                .collect(),
        };
        let length: f64 = numbers.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        let length = length.sqrt();
        // Of a damaged one, nothing but zeros: it stays no unit vector, which its reader finds.
        let length = if length > 0.0 { length } else { 1.0 };
        numbers
            .iter()
            .map(|v| (f64::from(*v) / length) as f32)
            .collect()
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Storage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|storage| storage.name() == text);
        found.ok_or_else(|| format!("{text:?} is none of f32, f16, int8"))
    }
}

/// The nearest 16-bit float, of two the even one; numbers beyond its range become infinity.
fn f16_of(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude >= 0x4780_0000 {
        // 65536 and more, infinity, NaN.
        let nan = u16::from(magnitude > 0x7f80_0000) << 9;
        return sign | 0x7c00 | nan;
    }
    let (mantissa, shift) = if magnitude >= 0x3880_0000 {
        // The exponent moves from a bias of 127 to one of 15.
        (magnitude - (112 << 23), 13)
    } else {
        // A denormal: what is lost grows with the distance to 2^-14.
        let shift = 126 - (magnitude >> 23).min(126);
        ((magnitude & 0x007f_ffff) | 0x0080_0000, shift.min(31))
    };
    let half = mantissa >> shift;
    let rest = mantissa & ((1 << shift) - 1);
    let middle = 1 << (shift - 1);
    let up = rest > middle || (rest == middle && half & 1 == 1);
    sign | (half + u32::from(up)) as u16
}

/// The number of a 16-bit float.
fn f32_of(half: u16) -> f32 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = ((half >> 10) & 31, f32::from(half & 0x3ff));
    sign * match exponent {
        0 => mantissa * 2f32.powi(-24),
        31 if mantissa == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (mantissa + 1024.0) * 2f32.powi(i32::from(exponent) - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_back_and_everything_else_goes_to_the_nearest() {
        for half in 0..=u16::MAX {
            let value = f32_of(half);
            if value.is_nan() {
                assert!(f32_of(f16_of(value)).is_nan());
            } else {
                assert_eq!(f16_of(value), half, "{value}");
            }
        }
        for half in 0..0x7c00u16 - 1 {
            let (low, high) = (f32_of(half), f32_of(half + 1));
            let middle = low.midpoint(high);
            let even = half + (half & 1);
            assert_eq!(f16_of(middle), even, "of {low} and {high} the even one");
            assert_eq!(f16_of(f32::from_bits(middle.to_bits() - 1)), half);
            assert_eq!(
                f16_of(-f32::from_bits(middle.to_bits() + 1)),
                0x8000 | (half + 1)
            );
        }
        assert_eq!(
            (f32_of(0x3c00), f32_of(0xc000), f32_of(1)),
            (1.0, -2.0, 5.960_464_5e-8)
        );
        assert_eq!(
            (f16_of(1e-9), f16_of(-1e9), f16_of(f32::MIN_POSITIVE)),
            (0, 0xfc00, 0)
        );
    }

    #[test]
    fn what_is_kept_is_near_and_of_unit_length() {
        let vector: Vec<f32> = (0..240)
            .map(|i| (i as f32 * 0.7).sin() * (1.0 + i as f32 / 80.0))
            .collect();
        let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        let vector: Vec<f32> = vector.iter().map(|v| v / length).collect();
        for (storage, least) in [
            (Storage::F32, 0.999_999),
            (Storage::F16, 0.999_999),
            (Storage::Int8, 0.9999),
        ] {
            let kept = storage.encode(&vector);
            assert_eq!(kept.len(), 240 * storage.bytes());
            let read = storage.decode(&kept);
            let dot: f32 = vector.iter().zip(&read).map(|(a, b)| a * b).sum();
            let unit: f32 = read.iter().map(|v| v * v).sum();
            assert!(
                dot >= least && (unit - 1.0).abs() < 1e-5,
                "{storage}: {dot} {unit}"
            );
            assert_eq!(storage.name().parse(), Ok(storage));
        }
        assert_eq!(
            Storage::F32.decode(&Storage::F32.encode(&vector)),
            vector,
            "as it was"
        );
        assert_eq!(Storage::Int8.decode(&[0, 0]), [0.0, 0.0]);
        assert!("f64".parse::<Storage>().is_err());
    }
}
