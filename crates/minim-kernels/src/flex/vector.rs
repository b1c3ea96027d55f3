//! Functions of elements and rows that compilers turn into vector instructions: no calls, no branches, sums in lanes.
//!
//! All of them are inlined into closures that [`pulp::Arch`] compiles for several instruction sets.

/// Partial sums of a row; their order is fixed, so that a row's sum is the same everywhere.
const LANES: usize = 16;

#[inline(always)]
pub(super) fn sum(row: &[f32]) -> f32 {
    let (parts, rest) = row.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for part in parts {
        for (lane, x) in lanes.iter_mut().zip(part) {
            *lane += x;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// `Σ f(x, y)` over two rows.
#[inline(always)]
pub(super) fn sum_of(xs: &[f32], ys: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let ((x_parts, x_rest), (y_parts, y_rest)) = (xs.as_chunks::<LANES>(), ys.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (x_part, y_part) in x_parts.iter().zip(y_parts) {
        for ((lane, &x), &y) in lanes.iter_mut().zip(x_part).zip(y_part) {
            *lane += f(x, y);
        }
    }
    lanes.iter().sum::<f32>() + x_rest.iter().zip(y_rest).map(|(&x, &y)| f(x, y)).sum::<f32>()
}

/// `Σ f(x, y, z)` over three rows.
#[inline(always)]
pub(super) fn sum_of_three(xs: &[f32], ys: &[f32], zs: &[f32], f: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let (x_parts, x_rest) = xs.as_chunks::<LANES>();
    let (y_parts, y_rest) = ys.as_chunks::<LANES>();
    let (z_parts, z_rest) = zs.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for ((x_part, y_part), z_part) in x_parts.iter().zip(y_parts).zip(z_parts) {
        for (((lane, &x), &y), &z) in lanes.iter_mut().zip(x_part).zip(y_part).zip(z_part) {
            *lane += f(x, y, z);
        }
    }
    let rest = x_rest.iter().zip(y_rest).zip(z_rest).map(|((&x, &y), &z)| f(x, y, z)).sum::<f32>();
    lanes.iter().sum::<f32>() + rest
}

#[inline(always)]
pub(super) fn largest(row: &[f32]) -> f32 {
    let (parts, rest) = row.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for part in parts {
        for (lane, &x) in lanes.iter_mut().zip(part) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |largest, &x| if x > largest { x } else { largest })
}

/// e^x to two units in the last place; 0 where it is below the smallest normal number, infinite from 88.37 on.
///
/// x is split into n·ln 2 + r with |r| ≤ ln 2 / 2, and e^r is a polynomial: the scheme and coefficients of Cephes' `expf` (Moshier).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const LOWEST: f32 = -87.33;
    const HIGHEST: f32 = 88.37;
    // Adding this number leaves a sum rounded to an integer in its lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let held = x.clamp(LOWEST, HIGHEST);
    let shifted = held * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts; products of n with the first are exact.
    let r = held - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    let y = (p * r * r + r + 1.0) * power;
    // A number that is none stays none.
    if x < LOWEST {
        0.0
    } else if x <= HIGHEST {
        y
    } else {
        x * f32::INFINITY
    }
}

/// Φ(x) of the normal distribution, and its density.
///
/// Φ(-a) = e^(-a²/2)·R(a) for a ≥ 0, where R is erfcx(a/√2)/2, here a polynomial in 1/(1 + 0.26·a) without a constant. Its coefficients were
/// fitted for this function (least squares, reweighted toward the largest relative error) on 0 ≤ a ≤ 14; relative error 2.5e-8 before rounding.
#[inline(always)]
pub(super) fn normal(x: f32) -> (f32, f32) {
    const COEFFICIENTS: [f32; 9] = [
        0.030_505_206,
        -0.152_830_3,
        0.251_494_2,
        -0.150_952_12,
        0.160_949_92,
        0.051_026_86,
        0.103_030_45,
        0.103_016_734,
        0.103_759_06,
    ];
    let a = x.abs();
    let t = 1.0 / (1.0 + 0.26 * a);
    let e = exp(-0.5 * a * a);
    let mut ratio = COEFFICIENTS[0];
    for coefficient in &COEFFICIENTS[1..] {
        ratio = ratio * t + coefficient;
    }
    let tail = ratio * t * e;
    (if x > 0.0 { 1.0 - tail } else { tail }, 0.398_942_3 * e)
}

/// The logistic function.
#[inline(always)]
pub(super) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}
