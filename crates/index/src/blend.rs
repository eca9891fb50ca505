//! Several vectors, liked and disliked, as one query.

use crate::IndexError;

/// The shortest sum that has a direction.
const SHORTEST: f64 = 1e-3;

/// The unit vector whose similarity to any row orders the rows as their mean similarity to `likes` less `weight` times
/// their mean similarity to `dislikes`: a dot product is linear, so one search answers for all the vectors (Rocchio,
/// "Relevance feedback in information retrieval", 1971). Scores of that search are cosines with the blend.
///
/// # Errors
/// When the vectors are not of one length, or cancel out; no vectors do.
pub fn blend(likes: &[&[f32]], dislikes: &[&[f32]], weight: f32) -> Result<Vec<f32>, IndexError> {
    let expected = likes
        .iter()
        .chain(dislikes)
        .next()
        .map_or(0, |vector| vector.len());
    let mut sum = vec![0f64; expected];
    for (vectors, sign) in [(likes, 1.0), (dislikes, -f64::from(weight))] {
        for vector in vectors {
            if vector.len() != expected {
                return Err(IndexError::QueryDimension {
                    got: vector.len(),
                    expected,
                });
            }
            let share = sign / vectors.len() as f64;
            sum.iter_mut()
                .zip(*vector)
                .for_each(|(sum, value)| *sum += share * f64::from(*value));
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
    if !length.is_finite() || length < SHORTEST {
        return Err(IndexError::NoDirection);
    }
    Ok(sum
        .into_iter()
        .map(|value| (value / length) as f32)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blend_orders_as_the_means_do() {
        let (a, b, c): (&[f32], &[f32], &[f32]) =
            (&[1.0, 0.0, 0.0], &[0.6, 0.8, 0.0], &[0.0, 0.6, 0.8]);
        let blended = blend(&[a, b], &[c], 0.5).unwrap();
        let length = blended.iter().map(|v| v * v).sum::<f32>();
        assert!((length - 1.0).abs() < 1e-6);
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
        let mean = |row: &[f32]| (dot(a, row) + dot(b, row)) / 2.0 - 0.5 * dot(c, row);
        let factor = dot(&blended, a) / mean(a);
        for row in [b, c, &[0.0, 0.0, 1.0]] {
            assert!((dot(&blended, row) - factor * mean(row)).abs() < 1e-6);
        }
        assert_eq!(blend(&[b], &[], 1.0).unwrap(), b);
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        let a: &[f32] = &[1.0, 0.0];
        assert_eq!(blend(&[a], &[a], 1.0), Err(IndexError::NoDirection));
        assert_eq!(blend(&[], &[], 1.0), Err(IndexError::NoDirection));
        assert_eq!(blend(&[a], &[a], f32::NAN), Err(IndexError::NoDirection));
        assert!(matches!(
            blend(&[a], &[&[1.0]], 1.0),
            Err(IndexError::QueryDimension {
                got: 1,
                expected: 2
            })
        ));
    }
}
