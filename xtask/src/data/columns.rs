//! Tables for the terminal: the first column to the left, numbers to the right.

/// Rows as lines, each column as wide as its widest cell.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let line = |row: &Vec<String>| {
        let cell = |(column, text): (usize, &String)| match column {
            0 => format!("{text:<width$}", width = widths[0]),
            _ => format!("  {text:>width$}", width = widths[column]),
        };
        let cells: String = row.iter().enumerate().map(cell).collect();
        cells.trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_below_one_another() {
        let rows = [vec!["".to_owned(), "train".to_owned()], vec!["examples".to_owned(), "7".to_owned()]];
        assert_eq!(aligned(&rows), "          train\nexamples      7\n");
        assert_eq!(aligned(&[]), "");
    }
}
