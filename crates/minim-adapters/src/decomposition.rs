//! Decompositions of a matrix on the host, in f64: what PiSSA and OLoRA start from, and what makes one adapter of several.
//!
//! burn's own need a feature that brings in another backend, and a start is computed once a layer.

use crate::Draw;

/// A matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) values: Vec<f64>,
}

impl Matrix {
    pub(crate) fn new(rows: usize, columns: usize, values: Vec<f64>) -> Self {
        debug_assert_eq!(values.len(), rows * columns);
        Self { rows, columns, values }
    }

    /// From values row by row.
    pub(crate) fn wide(rows: usize, columns: usize, values: &[f32]) -> Self {
        Self::new(rows, columns, values.iter().map(|&value| f64::from(value)).collect())
    }

    /// The values row by row.
    pub(crate) fn narrow(&self) -> Vec<f32> {
        self.values.iter().map(|&value| value as f32).collect()
    }

    fn zeros(rows: usize, columns: usize) -> Self {
        Self::new(rows, columns, vec![0.0; rows * columns])
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.columns..(row + 1) * self.columns]
    }

    pub(crate) fn transposed(&self) -> Self {
        let values = (0..self.columns).flat_map(|c| (0..self.rows).map(move |r| self.values[r * self.columns + c]));
        Self::new(self.columns, self.rows, values.collect())
    }

    pub(crate) fn matmul(&self, other: &Self) -> Self {
        let mut product = Self::zeros(self.rows, other.columns);
        for r in 0..self.rows {
            for (inner, &factor) in self.row(r).iter().enumerate() {
                add(product.row_mut(r), factor, other.row(inner));
            }
        }
        product
    }

    /// Each row times its number.
    pub(crate) fn scaled(mut self, factors: impl IntoIterator<Item = f64>) -> Self {
        for (row, factor) in self.values.chunks_exact_mut(self.columns.max(1)).zip(factors) {
            row.iter_mut().for_each(|value| *value *= factor);
        }
        self
    }

    /// With rows of 0 behind its own, `rows` in all.
    pub(crate) fn padded(mut self, rows: usize) -> Self {
        self.values.resize(rows * self.columns, 0.0);
        Self { rows, ..self }
    }

    /// The product with its own transpose.
    fn gram(&self) -> Self {
        let mut gram = Self::zeros(self.rows, self.rows);
        for r in 0..self.rows {
            for c in 0..=r {
                let product = dot(self.row(r), self.row(c));
                gram.values[r * self.rows + c] = product;
                gram.values[c * self.rows + r] = product;
            }
        }
        gram
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

/// `to += factor * from`
fn add(to: &mut [f64], factor: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(t, f)| *t += factor * f);
}

/// The unit vector v for which `x - 2v(v·x)` has zeros behind its first element; zeros for a vector that has them already.
fn reflector(x: &[f64]) -> Vec<f64> {
    let mut v = x.to_vec();
    if x.iter().skip(1).all(|&value| value == 0.0) {
        v.fill(0.0);
        return v;
    }
    v[0] += dot(x, x).sqrt().copysign(x[0]);
    let norm = dot(&v, &v).sqrt();
    v.iter_mut().for_each(|value| *value /= norm);
    v
}

/// The largest singular values, in falling order, with their vectors as rows: `left` `[rank, rows]`, `right` `[rank, columns]`.
#[derive(Debug)]
pub(crate) struct Singular {
    pub(crate) values: Vec<f64>,
    pub(crate) left: Matrix,
    pub(crate) right: Matrix,
}

/// The `rank` largest singular values of `weight`, or as many as it has, from the eigenvectors of its product with its transpose. Values below
/// a hundred-millionth of the largest are lost in rounding and come out with vectors of zeros.
pub(crate) fn largest_singular(weight: &Matrix, rank: usize) -> Singular {
    if weight.rows > weight.columns {
        let Singular { values, left, right } = largest_singular(&weight.transposed(), rank);
        return Singular { values, left: right, right: left };
    }
    let rank = rank.min(weight.rows);
    let (squares, vectors) = symmetric_eigen(weight.gram());
    let mut order: Vec<usize> = (0..squares.len()).collect();
    order.sort_by(|&a, &b| squares[b].total_cmp(&squares[a]));
    order.truncate(rank);
    let values: Vec<f64> = order.iter().map(|&i| squares[i].max(0.0).sqrt()).collect();
    let mut left = Matrix::zeros(rank, weight.rows);
    let lost = 1e-8 * values.first().copied().unwrap_or_default();
    for (place, &i) in order.iter().enumerate().filter(|(place, _)| values[*place] > lost) {
        left.row_mut(place).copy_from_slice(vectors.row(i));
    }
    let mut right = left.matmul(weight);
    for (place, &value) in values.iter().enumerate().filter(|(_, value)| **value > lost) {
        right.row_mut(place).iter_mut().for_each(|v| *v /= value);
    }
    Singular { values, left, right }
}

/// About the `rank` largest singular values, from a random subspace that `iterations` turns pull towards them. Halko, Martinsson and Tropp 2009,
/// arXiv 0909.4061, algorithms 4.4 and 5.1, without oversampling, as peft has it from PyTorch.
pub(crate) fn about_largest_singular(weight: &Matrix, rank: usize, iterations: usize, draw: &mut Draw) -> Singular {
    let rank = rank.min(weight.rows).min(weight.columns);
    let random = draw.normal(weight.columns * rank, 1.0).into_iter().map(f64::from).collect();
    let basis = |of: &Matrix| qr(of, rank).0.transposed();
    let transposed = weight.transposed();
    let mut range = basis(&weight.matmul(&Matrix::new(weight.columns, rank, random)));
    for _ in 0..iterations {
        range = basis(&weight.matmul(&basis(&transposed.matmul(&range))));
    }
    let inner = largest_singular(&range.transposed().matmul(weight), rank);
    Singular { left: inner.left.matmul(&range.transposed()), ..inner }
}

/// The first `rank` columns of Q, as rows `[rank, rows]`, and rows of R `[rank, columns]`, by Householder's reflections; fewer for a matrix that
/// is smaller.
pub(crate) fn qr(matrix: &Matrix, rank: usize) -> (Matrix, Matrix) {
    let rank = rank.min(matrix.rows).min(matrix.columns);
    // Columns as rows, so that a reflection runs along memory.
    let mut columns = matrix.transposed();
    let mut reflectors = Vec::with_capacity(rank);
    for step in 0..rank {
        let v = reflector(&columns.row(step)[step..]);
        for column in step..matrix.columns {
            let column = &mut columns.row_mut(column)[step..];
            add(column, -2.0 * dot(&v, column), &v);
        }
        reflectors.push(v);
    }
    let mut q = Matrix::zeros(rank, matrix.rows);
    for place in 0..rank {
        let vector = q.row_mut(place);
        vector[place] = 1.0;
        for (step, v) in reflectors.iter().enumerate().rev() {
            let part = &mut vector[step..];
            add(part, -2.0 * dot(v, part), v);
        }
    }
    let mut r = Matrix::zeros(rank, matrix.columns);
    for column in 0..matrix.columns {
        for row in 0..rank.min(column + 1) {
            r.values[row * matrix.columns + column] = columns.row(column)[row];
        }
    }
    (q, r)
}

/// Eigenvalues of a symmetric matrix, in no order, and their unit vectors as rows: reduced to three diagonals by reflections, then implicit QR
/// steps with Wilkinson's shift (Golub and Van Loan, Matrix Computations, 8.3).
fn symmetric_eigen(mut matrix: Matrix) -> (Vec<f64>, Matrix) {
    let n = matrix.rows;
    let mut vectors = Matrix::zeros(n, n);
    (0..n).for_each(|i| vectors.values[i * n + i] = 1.0);
    for step in 0..n.saturating_sub(2) {
        let below = step + 1;
        let v = reflector(&matrix.row(step)[below..]);
        let image: Vec<f64> = (below..n).map(|r| dot(&matrix.row(r)[below..], &v)).collect();
        let inner = dot(&v, &image);
        let w: Vec<f64> = image.iter().zip(&v).map(|(u, v)| 2.0 * (u - inner * v)).collect();
        let edge = &mut matrix.row_mut(step)[below..];
        add(edge, -2.0 * dot(&v, edge), &v);
        for (place, (&vi, &wi)) in v.iter().zip(&w).enumerate() {
            let row = &mut matrix.row_mut(below + place)[below..];
            add(row, -vi, &w);
            add(row, -wi, &v);
        }
        let mut shadow = vec![0.0; n];
        (below..n).for_each(|r| add(&mut shadow, v[r - below], vectors.row(r)));
        (below..n).for_each(|r| add(vectors.row_mut(r), -2.0 * v[r - below], &shadow));
    }
    let mut diagonal: Vec<f64> = (0..n).map(|i| matrix.row(i)[i]).collect();
    let mut beside: Vec<f64> = (1..n).map(|i| matrix.row(i - 1)[i]).collect();
    // A value takes two or three steps; the bound is for matrices that hold no numbers.
    for _ in 0..50 * n {
        for i in 0..beside.len() {
            if beside[i].abs() <= f64::EPSILON * (diagonal[i].abs() + diagonal[i + 1].abs()) {
                beside[i] = 0.0;
            }
        }
        let Some(last) = beside.iter().rposition(|&value| value != 0.0) else { break };
        let first = beside[..last].iter().rposition(|&value| value == 0.0).map_or(0, |zero| zero + 1);
        qr_step(&mut diagonal, &mut beside, &mut vectors, first, last + 1);
    }
    (diagonal, vectors)
}

/// One step on the block from `first` to `last` of a symmetric matrix of three diagonals: rotations of neighbours chase what the shift put
/// beside the diagonals down to the end of the block.
fn qr_step(diagonal: &mut [f64], beside: &mut [f64], vectors: &mut Matrix, first: usize, last: usize) {
    let half = (diagonal[last - 1] - diagonal[last]) / 2.0;
    let off = beside[last - 1];
    let shift = diagonal[last] - off * off / (half + half.hypot(off).copysign(half));
    let (mut x, mut z) = (diagonal[first] - shift, beside[first]);
    for k in first..last {
        let r = x.hypot(z);
        let (c, s) = if r == 0.0 { (1.0, 0.0) } else { (x / r, z / r) };
        if k > first {
            beside[k - 1] = r;
        }
        let (a, b, d) = (diagonal[k], beside[k], diagonal[k + 1]);
        diagonal[k] = c * c * a + 2.0 * c * s * b + s * s * d;
        diagonal[k + 1] = s * s * a - 2.0 * c * s * b + c * c * d;
        beside[k] = c * s * (d - a) + (c * c - s * s) * b;
        if k + 1 < last {
            x = beside[k];
            z = s * beside[k + 1];
            beside[k + 1] *= c;
        }
        let n = vectors.columns;
        let (upper, lower) = vectors.values[k * n..(k + 2) * n].split_at_mut(n);
        for (u, l) in upper.iter_mut().zip(lower) {
            (*u, *l) = (c * *u + s * *l, c * *l - s * *u);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(rows: usize, columns: usize) -> Matrix {
        let values = Draw::new(5, "matrix").normal(rows * columns, 1.0);
        Matrix::new(rows, columns, values.into_iter().map(f64::from).collect())
    }

    fn furthest(left: &Matrix, right: &Matrix) -> f64 {
        assert_eq!((left.rows, left.columns), (right.rows, right.columns));
        left.values.iter().zip(&right.values).map(|(l, r)| (l - r).abs()).fold(0.0, f64::max)
    }

    fn assert_orthonormal(rows: &Matrix) {
        let gram = rows.gram();
        for (place, value) in gram.values.iter().enumerate() {
            let expected = if place / gram.rows == place % gram.rows { 1.0 } else { 0.0 };
            assert!((value - expected).abs() < 1e-10, "{value}");
        }
    }

    fn product(of: &Singular) -> Matrix {
        of.left.transposed().matmul(&of.right.clone().scaled(of.values.iter().copied()))
    }

    #[test]
    fn known_singular_values_are_found() {
        let found = largest_singular(&Matrix::wide(2, 2, &[3.0, 0.0, 4.0, 5.0]), 2).values;
        assert!((found[0] - 45.0_f64.sqrt()).abs() < 1e-12 && (found[1] - 5.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn all_singular_values_together_are_the_matrix() {
        for (rows, columns) in [(1, 1), (1, 7), (2, 2), (31, 31), (24, 60), (60, 24)] {
            let matrix = random(rows, columns);
            let whole = largest_singular(&matrix, 99);
            assert_eq!(whole.values.len(), rows.min(columns));
            assert!(whole.values.is_sorted_by(|a, b| a >= b));
            assert_orthonormal(&whole.left);
            assert_orthonormal(&whole.right);
            assert!(furthest(&product(&whole), &matrix) < 1e-10, "{rows} x {columns}");
        }
    }

    /// Eckart and Young: what the largest values leave has the norm of the others.
    #[test]
    fn the_largest_singular_values_leave_the_least() {
        let matrix = random(40, 30);
        let whole = largest_singular(&matrix, 30);
        let mut rest = matrix.clone();
        add(&mut rest.values, -1.0, &product(&largest_singular(&matrix, 4)).values);
        let expected: f64 = whole.values[4..].iter().map(|value| value * value).sum();
        assert!((dot(&rest.values, &rest.values) - expected).abs() < 1e-9 * expected);
    }

    #[test]
    fn a_matrix_without_full_rank_has_values_of_zero() {
        let matrix = random(20, 3).matmul(&random(3, 15));
        let singular = largest_singular(&matrix, 6);
        assert!(singular.values[2] > 1e-3 && singular.values[3] < 1e-6);
        assert!(furthest(&product(&singular), &matrix) < 1e-9);
        let zeros = largest_singular(&Matrix::zeros(5, 4), 2);
        assert!(zeros.values.iter().chain(&zeros.left.values).chain(&zeros.right.values).all(|&value| value == 0.0));
    }

    #[test]
    fn iterations_approach_the_largest_singular_values() {
        let mut matrix = random(50, 5).matmul(&random(5, 70));
        add(&mut matrix.values, 0.1, &random(50, 70).values);
        let exact = product(&largest_singular(&matrix, 5));
        let after = |iterations| {
            let about = about_largest_singular(&matrix, 5, iterations, &mut Draw::new(1, "subspace"));
            assert_orthonormal(&about.left);
            furthest(&product(&about), &exact)
        };
        assert!(after(0) > 1e-3 && after(8) < 1e-9, "{} {}", after(0), after(8));
    }

    #[test]
    fn q_times_r_is_the_matrix() {
        for (rows, columns) in [(1, 1), (6, 6), (9, 4), (4, 9)] {
            let matrix = random(rows, columns);
            let (q, r) = qr(&matrix, 99);
            assert_orthonormal(&q);
            assert!(furthest(&q.transposed().matmul(&r), &matrix) < 1e-12, "{rows} x {columns}");
            let (first, top) = qr(&matrix, 1);
            assert_eq!((first.row(0), top.row(0)), (q.row(0), r.row(0)));
        }
    }
}
