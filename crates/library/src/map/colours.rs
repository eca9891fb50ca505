//! A colour for each topic, on light and on dark ground: equal steps of hue (OKLCH, Ottosson 2020) by the golden angle, so that
//! neighbours in the list differ, at three depths.

/// Red, green and blue.
pub(super) type Rgb = [u8; 3];

/// Papers without a topic.
pub(super) const NO_TOPIC: Rgb = [0x88, 0x8c, 0x94];

/// Lightness and chroma, in turn, on light ground and on dark.
const LIGHT: [(f32, f32); 3] = [(0.58, 0.16), (0.70, 0.13), (0.46, 0.13)];
const DARK: [(f32, f32); 3] = [(0.74, 0.14), (0.63, 0.15), (0.84, 0.10)];

/// The colour of a topic.
pub(super) fn colour(topic: usize, dark: bool) -> Rgb {
    let (lightness, chroma) = (if dark { DARK } else { LIGHT })[topic % 3];
    let hue = (29.0 + 137.507_77 * topic as f32) % 360.0;
    from_oklch(lightness, chroma, hue.to_radians())
}

/// As CSS and SVG write it.
pub(super) fn hex(rgb: Rgb) -> String {
    format!("#{:02x}{:02x}{:02x}", rgb[0], rgb[1], rgb[2])
}

/// OKLCH to sRGB; what the screen cannot show is cut to what it can.
fn from_oklch(lightness: f32, chroma: f32, hue: f32) -> Rgb {
    let (a, b) = (chroma * hue.cos(), chroma * hue.sin());
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    let linear = [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ];
    linear.map(|x| {
        let x = x.clamp(0.0, 1.0);
        let encoded = if x <= 0.003_130_8 {
            12.92 * x
        } else {
            1.055 * x.powf(1.0 / 2.4) - 0.055
        };
        (encoded * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_black_and_red_are_themselves_and_topics_differ() {
        assert_eq!(from_oklch(1.0, 0.0, 0.0), [255; 3]);
        assert_eq!(from_oklch(0.0, 0.0, 0.0), [0; 3]);
        assert_eq!(from_oklch(0.627_955, 0.257_683, 0.510_23), [255, 0, 0]);
        for dark in [false, true] {
            let all: Vec<Rgb> = (0..60).map(|topic| colour(topic, dark)).collect();
            for (at, one) in all.iter().enumerate() {
                assert!(!all[..at].contains(one), "{at}: {}", hex(*one));
            }
        }
    }
}
