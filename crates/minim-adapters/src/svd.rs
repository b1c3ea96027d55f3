//! Singular values of small matrices, in double precision on the CPU.

/// A matrix by columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    rows: usize,
    columns: Vec<Vec<f64>>,
}

impl Matrix {
    /// From values row by row.
    pub(crate) fn from_rows(values: &[f32], columns: usize) -> Self {
        let rows = values.len() / columns.max(1);
        let column = |c: usize| (0..rows).map(|r| f64::from(values[r * columns + c])).collect();
        Self { rows, columns: (0..columns).map(column).collect() }
    }

    /// The values row by row.
    pub(crate) fn to_rows(&self) -> Vec<f32> {
        (0..self.rows).flat_map(|row| self.columns.iter().map(move |column| column[row] as f32)).collect()
    }

    pub(crate) fn transposed(&self) -> Self {
        let row = |r: usize| self.columns.iter().map(|column| column[r]).collect();
        Self { rows: self.columns.len(), columns: (0..self.rows).map(row).collect() }
    }

    pub(crate) fn times(&self, other: &Self) -> Self {
        let combined = |weights: &Vec<f64>| {
            let mut sum = vec![0.0; self.rows];
            for (column, weight) in self.columns.iter().zip(weights) {
                for (sum, value) in sum.iter_mut().zip(column) {
                    *sum += weight * value;
                }
            }
            sum
        };
        Self { rows: self.rows, columns: other.columns.iter().map(combined).collect() }
    }

    /// The first columns, or all there are and columns of 0 behind them.
    fn first(&self, count: usize) -> Self {
        let none = vec![0.0; self.rows];
        let columns = (0..count).map(|column| self.columns.get(column).unwrap_or(&none).clone()).collect();
        Self { rows: self.rows, columns }
    }
}

/// `A = U·diag(s)·Vᵀ` with as many columns as the smaller side of A, the largest singular value first.
pub(crate) struct Svd {
    pub(crate) u: Matrix,
    pub(crate) s: Vec<f64>,
    pub(crate) v: Matrix,
}

/// By rotations of pairs of columns until all are orthogonal: Hestenes 1958; Golub and Van Loan, "Matrix Computations", 4th edition, section
/// 8.6.3. Accurate for small singular values too, cubic in the smaller side.
pub(crate) fn svd(a: &Matrix) -> Svd {
    if a.rows < a.columns.len() {
        let Svd { u, s, v } = svd(&a.transposed());
        return Svd { u: v, s, v: u };
    }
    let size = a.columns.len();
    let mut columns = a.columns.clone();
    let unit = |at: usize| (0..size).map(|row| if row == at { 1.0 } else { 0.0 }).collect();
    let mut v: Vec<Vec<f64>> = (0..size).map(unit).collect();
    // Convergence is quadratic: a handful of sweeps; the bound only ends a matrix that holds no numbers.
    for _ in 0..60 {
        let mut rotated = false;
        for q in 1..size {
            for p in 0..q {
                let (alpha, beta) = (dot(&columns[p], &columns[p]), dot(&columns[q], &columns[q]));
                let gamma = dot(&columns[p], &columns[q]);
                if gamma == 0.0 || gamma.abs() <= 1e-15 * (alpha * beta).sqrt() {
                    continue;
                }
                rotated = true;
                let zeta = (beta - alpha) / (2.0 * gamma);
                let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cosine = tangent.hypot(1.0).recip();
                rotate(&mut columns, p, q, cosine, cosine * tangent);
                rotate(&mut v, p, q, cosine, cosine * tangent);
            }
        }
        if !rotated {
            break;
        }
    }
    let norms: Vec<f64> = columns.iter().map(|column| dot(column, column).sqrt()).collect();
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
    let scaled =
        |column: &Vec<f64>, norm: f64| column.iter().map(|value| if norm > 0.0 { value / norm } else { 0.0 }).collect();
    Svd {
        u: Matrix { rows: a.rows, columns: order.iter().map(|&at| scaled(&columns[at], norms[at])).collect() },
        s: order.iter().map(|&at| norms[at]).collect(),
        v: Matrix { rows: size, columns: order.iter().map(|&at| v[at].clone()).collect() },
    }
}

impl Svd {
    /// `diag(s)·Vᵀ`, which U turns into the matrix.
    pub(crate) fn without_u(&self) -> Matrix {
        let mut v = self.v.clone();
        for (column, s) in v.columns.iter_mut().zip(&self.s) {
            column.iter_mut().for_each(|value| *value *= s);
        }
        v.transposed()
    }

    /// The best approximation of some rank as `(U·diag(s), Vᵀ)`, `[rows, rank]` and `[rank, columns]`.
    pub(crate) fn truncated(&self, rank: usize) -> (Matrix, Matrix) {
        let mut left = self.u.first(rank);
        for (column, s) in left.columns.iter_mut().zip(&self.s) {
            column.iter_mut().for_each(|value| *value *= s);
        }
        (left, self.v.first(rank).transposed())
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn rotate(columns: &mut [Vec<f64>], p: usize, q: usize, cosine: f64, sine: f64) {
    let (before, from_q) = columns.split_at_mut(q);
    for (p, q) in before[p].iter_mut().zip(&mut from_q[0]) {
        (*p, *q) = (cosine * *p - sine * *q, sine * *p + cosine * *q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draw;

    fn check(rows: usize, columns: usize, a: &[f32]) {
        let a = Matrix::from_rows(a, columns);
        let found = svd(&a);
        let size = rows.min(columns);
        assert_eq!((found.u.columns.len(), found.s.len(), found.v.columns.len()), (size, size, size));
        assert!(found.s.is_sorted_by(|a, b| a >= b));
        let (left, right) = found.truncated(size);
        let again = left.times(&right);
        for (again, a) in again.columns.iter().flatten().zip(a.columns.iter().flatten()) {
            assert!((again - a).abs() < 1e-10 * (1.0 + found.s[0]), "{again} {a}");
        }
        for basis in [&found.u, &found.v] {
            for (i, a) in basis.columns.iter().enumerate() {
                for (j, b) in basis.columns.iter().enumerate() {
                    let expected = if i == j && found.s[i] > 1e-6 * found.s[0] { 1.0 } else { 0.0 };
                    let near = found.s[i].min(found.s[j]) <= 1e-6 * found.s[0] || (dot(a, b) - expected).abs() < 1e-10;
                    assert!(near, "{i} {j}: {}", dot(a, b));
                }
            }
        }
    }

    #[test]
    fn the_factors_are_orthogonal_and_give_the_matrix_back() {
        let mut draw = Draw::new(1, "svd");
        for (rows, columns) in [(1, 1), (7, 7), (40, 12), (12, 40)] {
            check(rows, columns, &draw.normal(rows * columns, 1.0));
        }
        // Of rank 1, and nothing at all.
        let (a, b) = (draw.normal(9, 1.0), draw.normal(5, 1.0));
        check(9, 5, &a.iter().flat_map(|a| b.iter().map(move |b| a * b)).collect::<Vec<_>>());
        assert_eq!(svd(&Matrix::from_rows(&[0.0; 6], 2)).s, [0.0, 0.0]);
    }

    #[test]
    fn known_singular_values_are_found() {
        let found = svd(&Matrix::from_rows(&[3.0, 0.0, 4.0, 5.0], 2));
        assert!((found.s[0] - 45.0_f64.sqrt()).abs() < 1e-12 && (found.s[1] - 5.0_f64.sqrt()).abs() < 1e-12);
    }
}
