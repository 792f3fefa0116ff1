//! Text for terminals, and columns of it as wide as the terminal allows.

use std::io::IsTerminal;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A table that does not fit into less than this many columns is shown as a block of lines for each row.
const NARROW: usize = 50;
/// A column of words is not made narrower than this.
const LEAST: usize = 8;
/// Room between two columns.
const GAP: usize = 2;

/// The rows as lines for stdout, the headings first; the columns in `right` are flush right.
pub(crate) fn table<const N: usize>(rows: &[[String; N]], right: &[usize]) -> Vec<String> {
    fitted(rows, right, width(&std::io::stdout()))
}

/// The rows as lines of at most `width` columns: words give way to `…`; where that does not help, every row becomes a block.
pub(crate) fn fitted<const N: usize>(rows: &[[String; N]], right: &[usize], width: Option<usize>) -> Vec<String> {
    let rows: Vec<[String; N]> = rows.iter().map(|row| std::array::from_fn(|column| cell(&row[column]))).collect();
    let mut widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or_default());
    let head: [usize; N] = std::array::from_fn(|column| rows.first().map_or(0, |head| head[column].width()));
    if let Some(width) = width
        && !fit(&mut widths, &head, right, width)
    {
        return blocks(&rows);
    }
    let aligned = |row: &[String; N], column: usize| {
        let text = shortened(&row[column], widths[column]);
        let room = " ".repeat(widths[column].saturating_sub(text.width()));
        if right.contains(&column) { room + &text } else { text + &room }
    };
    let line = |row: &[String; N]| {
        let cells: Vec<_> = (0..N).map(|column| aligned(row, column)).collect();
        cells.join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// How many columns a terminal has: `COLUMNS`, else what it says; none for what is no terminal.
pub(crate) fn width(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let wanted = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    wanted.or_else(|| terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0)))
}

/// Colours are for terminals, and for people who have not set `NO_COLOR`.
pub(crate) fn has_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What a cell may hold: text without line breaks and tabs.
fn cell(text: &str) -> String {
    printable(text.as_bytes()).replace('\t', " ")
}

/// Takes from the widest column of words until the table fits; false when it cannot be made to.
fn fit<const N: usize>(widths: &mut [usize; N], head: &[usize; N], right: &[usize], width: usize) -> bool {
    let total = |widths: &[usize; N]| widths.iter().sum::<usize>() + GAP * N.saturating_sub(1);
    if total(widths) > width && width < NARROW {
        return false;
    }
    while total(widths) > width {
        let can_give = |column: &usize| !right.contains(column) && widths[*column] > head[*column].max(LEAST);
        let Some(widest) = (0..N).filter(can_give).max_by_key(|&column| widths[column]) else { return false };
        widths[widest] -= 1;
    }
    true
}

/// One line per cell, an empty line between rows; cells without text are left out.
fn blocks<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let Some((head, rows)) = rows.split_first() else { return Vec::new() };
    let mut lines = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        lines.extend((index > 0).then(String::new));
        let cells = head.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        lines.extend(cells.map(|(head, cell)| if head.is_empty() { cell.clone() } else { format!("{head}: {cell}") }));
    }
    lines
}

fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or_default();
        used <= width
    };
    text.chars().take_while(fits).chain(['\u{2026}']).collect()
}

/// Text that a terminal does not obey.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let clean = |letter: char| if letter.is_control() && letter != '\t' { char::REPLACEMENT_CHARACTER } else { letter };
    String::from_utf8_lossy(bytes).chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<[String; 3]> {
        [["NAME", "N", "WHY"], ["é", "1", "because of something long"], ["long", "20", "a\nb"]]
            .map(|row| row.map(str::to_owned))
            .to_vec()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let expected = ["NAME   N  WHY", "é      1  because of something long", "long  20  a\u{fffd}b"];
        assert_eq!(fitted(&rows(), &[1], None), expected);
        assert_eq!(fitted(&rows(), &[1], Some(80)), expected);
    }

    #[test]
    fn words_give_way_where_there_is_less_room() {
        let wide = ["NAME", &"x".repeat(60)].map(|name| [name.to_owned(), "7".to_owned()]);
        let lines = fitted(&wide, &[1], Some(50));
        assert_eq!(lines[1], format!("{}\u{2026}  7", "x".repeat(46)));
        assert!(lines.iter().all(|line| line.width() <= 50));
    }

    #[test]
    fn rows_are_blocks_where_there_is_no_room_for_columns() {
        let expected =
            ["NAME: é", "N: 1", "WHY: because of something long", "", "NAME: long", "N: 20", "WHY: a\u{fffd}b"];
        assert_eq!(fitted(&rows(), &[1], Some(15)), expected);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let rows = [["晶圆", "1"], ["abc", "2"]].map(|row| row.map(str::to_owned));
        assert_eq!(fitted(&rows, &[], None), ["晶圆  1", "abc   2"]);
    }

    #[test]
    fn text_from_outside_cannot_drive_the_terminal() {
        assert_eq!(printable(b"a\x1b[31m\tb\xff"), "a\u{fffd}[31m\tb\u{fffd}");
    }
}
