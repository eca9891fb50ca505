//! Elementary functions on vectors, with their errors.

use super::vector::Vector;

/// Two to the power of x, for x up to 126; relative error below 3e-7. Below -125 it is 2^-125.
#[inline(always)]
pub(super) fn exp2<V: Vector>(x: V) -> V {
    // The polynomial of Cephes' exp2f for 2^f on [-1/2, 1/2].
    const C: [f32; 7] = [
        1.0,
        std::f32::consts::LN_2,
        0.240_226_48,
        0.055_503_324,
        0.009_618_437,
        0.001_339_887_4,
        0.000_153_533_62,
    ];
    // Adding 1.5 * 2^23 leaves no bits for a fraction.
    const SHIFT: f32 = 12_582_912.0;
    let c = |value| constant(x, value);
    // The constant first: where x is NaN, `max` gives its second operand, so NaN stays NaN.
    let x = c(-125.0).max(x);
    let shifted = x.add(c(SHIFT));
    let f = x.sub(shifted.sub(c(SHIFT)));
    let mut sum = c(C[6]);
    for value in C[..6].iter().rev() {
        sum = sum.mul_add(f, c(*value));
    }
    sum.scale(shifted)
}

/// `x / 2 (1 + erf(x / sqrt 2))`; absolute error below 2e-6 for |x| <= 10, and below 2e-7 |x| beyond.
///
/// The error function is the rational approximation of degree 13 over 8 that Eigen and XLA use for f32 (they clamp
/// at 4, where it is 1 - 1.5e-8).
#[inline(always)]
pub(super) fn gelu<V: Vector>(x: V) -> V {
    const NUMERATOR: [f32; 7] = [
        -1.609_603_3e-2,
        -2.954_6e-3,
        -7.349_906_3e-4,
        -5.692_506_4e-5,
        -2.101_024e-6,
        2.770_681_4e-8,
        -2.726_142_3e-10,
    ];
    const DENOMINATOR: [f32; 5] = [
        -1.426_473_9e-2,
        -7.373_329_2e-3,
        -1.682_827e-3,
        -2.133_740_6e-4,
        -1.456_607_2e-5,
    ];
    let c = |value| constant(x, value);
    let u = x.mul(c(std::f32::consts::FRAC_1_SQRT_2));
    let u = c(4.0).min(c(-4.0).max(u));
    let square = u.mul(u);
    let mut above = c(NUMERATOR[6]);
    for a in NUMERATOR[..6].iter().rev() {
        above = above.mul_add(square, c(*a));
    }
    let mut below = c(DENOMINATOR[4]);
    for b in DENOMINATOR[..4].iter().rev() {
        below = below.mul_add(square, c(*b));
    }
    let erf = above.mul(u).div(below);
    let half = x.mul(c(0.5));
    half.mul_add(erf, half)
}

/// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`; absolute error below 2e-6 for |x| <= 10, and below
/// 2e-7 |x| beyond.
#[inline(always)]
pub(super) fn gelu_tanh<V: Vector>(x: V) -> V {
    let c = |value| constant(x, value);
    // (1 + tanh u) / 2 = 1 / (1 + e^(-2u)).
    const SCALE: f32 = -2.0 * std::f32::consts::LOG2_E * 0.797_884_6;
    let cubed = x.mul(x).mul(x);
    let u = cubed.mul_add(c(0.044_715), x).mul(c(SCALE));
    x.div(exp2(c(126.0).min(u)).add(c(1.0)))
}

/// `x / (1 + e^-x)`; absolute error below 2e-6 for |x| <= 10, and below 2e-7 |x| beyond.
#[inline(always)]
pub(super) fn silu<V: Vector>(x: V) -> V {
    let c = |value| constant(x, value);
    let u = x.mul(c(-std::f32::consts::LOG2_E));
    x.div(exp2(c(126.0).min(u)).add(c(1.0)))
}

/// A constant beside `like`.
#[inline(always)]
fn constant<V: Vector>(_like: V, x: f32) -> V {
    // SAFETY: there is a value of `V`, so the CPU has its instructions.
    unsafe { V::splat(x) }
}
