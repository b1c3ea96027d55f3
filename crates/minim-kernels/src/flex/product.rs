//! Matrix products, by the `gemm` crate that burn's own backend multiplies with.

use std::marker::PhantomData;
use std::ops::Range;

/// A matrix as it lies in memory.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    /// From an element to that below it, and to that on its right.
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// # Panics
    /// If the last element lies outside of the values.
    pub(super) fn new(values: &'a [f32], [rows, columns]: [usize; 2], strides: [usize; 2]) -> Self {
        let end = rows.saturating_sub(1) * strides[0] + columns.saturating_sub(1) * strides[1];
        assert!(rows * columns == 0 || end < values.len(), "a matrix within its memory");
        Self { values, rows, columns, strides }
    }

    /// Rows one behind the other.
    pub(super) fn of_rows(values: &'a [f32], columns: usize) -> Self {
        Self::new(values, [values.len() / columns.max(1), columns], [columns, 1])
    }

    /// How many rows there are.
    pub(super) fn height(self) -> usize {
        self.rows
    }

    /// Some of the rows.
    pub(super) fn rows(self, rows: Range<usize>) -> Self {
        assert!(rows.start < rows.end && rows.end <= self.rows, "rows within a matrix");
        Self { values: &self.values[rows.start * self.strides[0]..], rows: rows.len(), ..self }
    }

    pub(super) fn transposed(self) -> Self {
        let ([down, right], Self { values, rows, columns, .. }) = (self.strides, self);
        Self { values, rows: columns, columns: rows, strides: [right, down] }
    }
}

/// How much of a product is done at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cores {
    One,
    /// All, if the product is worth it.
    All,
}

/// A place for a product: `columns` values of each of some rows, `stride` apart, that nothing else uses.
pub(super) struct Place<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    stride: usize,
    memory: PhantomData<&'a mut [f32]>,
}

// SAFETY: a place is the only way to its values, as a mutable slice would be.
unsafe impl Send for Place<'_> {}

impl<'a> Place<'a> {
    pub(super) fn of_rows(values: &'a mut [f32], columns: usize) -> Self {
        let rows = values.len() / columns.max(1);
        Self { start: values.as_mut_ptr(), rows, columns, stride: columns, memory: PhantomData }
    }

    /// The places of the heads of `[batch, seq, heads, size]`, each `[seq, size]`, head by head of each batch entry.
    pub(super) fn of_heads(values: &'a mut [f32], [batch, seq, heads, size]: [usize; 4]) -> Vec<Self> {
        assert_eq!(values.len(), batch * seq * heads * size);
        let start = values.as_mut_ptr();
        let head = |number: usize| {
            let (entry, head) = (number / heads, number % heads);
            // SAFETY: within the values, by their count.
            let start = unsafe { start.add(entry * seq * heads * size + head * size) };
            Self { start, rows: seq, columns: size, stride: heads * size, memory: PhantomData }
        };
        if values.is_empty() { Vec::new() } else { (0..batch * heads).map(head).collect() }
    }

    /// Some of the rows.
    pub(super) fn rows(&mut self, rows: Range<usize>) -> Place<'_> {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows within a place");
        // SAFETY: the first of these rows lies within the place, or there is none.
        let start = unsafe { self.start.add(if rows.is_empty() { 0 } else { rows.start * self.stride }) };
        Place { start, rows: rows.len(), memory: PhantomData, ..*self }
    }
}

/// Products of fewer multiplications than this are made on one core: starting the others costs more.
const WORTH_ALL_CORES: usize = 1 << 20;

/// `place ← scale·(lhs·rhs)`, or `place ← place + scale·(lhs·rhs)`.
pub(super) fn multiply(place: Place<'_>, lhs: Matrix<'_>, rhs: Matrix<'_>, scale: f32, add: bool, cores: Cores) {
    let (m, n, k) = (place.rows, place.columns, lhs.columns);
    assert!(
        lhs.rows == m && rhs.columns == n && rhs.rows == k,
        "[{m}, {n}] of [{}, {k}] and [{}, {}]",
        lhs.rows,
        rhs.rows,
        rhs.columns
    );
    let worth = cores == Cores::All && m.saturating_mul(n).saturating_mul(k) >= WORTH_ALL_CORES;
    let parallelism = if worth { gemm::Parallelism::Rayon(0) } else { gemm::Parallelism::None };
    // SAFETY: the matrices lie within their memory (`Matrix::new`), the place is valid for writes and for reads where it is added to
    // (`Place`), and no place overlaps a matrix, since it is borrowed for writing.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            place.start,
            1,
            place.stride as isize,
            add,
            lhs.values.as_ptr(),
            lhs.strides[1] as isize,
            lhs.strides[0] as isize,
            rhs.values.as_ptr(),
            rhs.strides[1] as isize,
            rhs.strides[0] as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// `lhs·rhs`, rows one behind the other.
pub(super) fn product(lhs: Matrix<'_>, rhs: Matrix<'_>) -> Vec<f32> {
    let (rows, columns) = (lhs.rows, rhs.columns);
    let mut values = Vec::with_capacity(rows * columns);
    if rows * columns == 0 || lhs.columns == 0 {
        values.resize(rows * columns, 0.0);
        return values;
    }
    // SAFETY: the vector has room for all rows, and `multiply` writes each value without reading it.
    unsafe {
        let place = Place { start: values.as_mut_ptr(), rows, columns, stride: columns, memory: PhantomData };
        multiply(place, lhs, rhs, 1.0, false, Cores::All);
        values.set_len(rows * columns);
    }
    values
}
