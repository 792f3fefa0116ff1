//! Text for terminals, and columns of it.

/// Every cell padded to the width of its column; the columns in `right` are flush right. All rows have the same number of cells.
pub(crate) fn padded<const N: usize>(rows: &[[String; N]], right: &[usize]) -> Vec<[String; N]> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let pad = |row: &[String; N]| {
        std::array::from_fn(|column| {
            let (text, width) = (&row[column], widths[column]);
            if right.contains(&column) { format!("{text:>width$}") } else { format!("{text:<width$}") }
        })
    };
    rows.iter().map(pad).collect()
}

/// The cells of a row as one line.
pub(crate) fn line(cells: &[String]) -> String {
    cells.join("  ").trim_end().to_owned()
}

/// Text that a terminal does not obey.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let clean = |letter: char| if letter.is_control() && letter != '\t' { char::REPLACEMENT_CHARACTER } else { letter };
    String::from_utf8_lossy(bytes).chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["é", "1"], ["long", "20"]].map(|row| row.map(str::to_owned));
        let lines: Vec<_> = padded(&rows, &[1]).iter().map(|row| line(row)).collect();
        assert_eq!(lines, ["é      1", "long  20"]);
    }

    #[test]
    fn text_from_outside_cannot_drive_the_terminal() {
        assert_eq!(printable(b"a\x1b[31m\tb\xff"), "a\u{fffd}[31m\tb\u{fffd}");
    }
}
