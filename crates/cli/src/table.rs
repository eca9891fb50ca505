//! Plain-text tables: aligned columns, the last ones cut to the terminal's width, whole when piped.

use std::io::{IsTerminal, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Narrowest that a column that may shrink becomes.
const NARROWEST: usize = 12;

/// Which way a column is aligned, and whether it may be cut to fit a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Right,
    Left,
    Shrinks,
}

/// Writes `header` and `rows`, one cell a column.
pub(crate) fn write(
    out: &mut dyn Write,
    columns: &[Column],
    header: &[&str],
    rows: &[Vec<String>],
) -> std::io::Result<()> {
    let mut widths: Vec<usize> = header.iter().map(|h| h.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    if let Some(terminal) = terminal_width() {
        shrink(&mut widths, columns, terminal);
    }
    write_row(
        out,
        columns,
        &widths,
        &header.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>(),
    )?;
    rows.iter()
        .try_for_each(|row| write_row(out, columns, &widths, row))
}

/// Takes from the widest column that may shrink until the row fits.
fn shrink(widths: &mut [usize], columns: &[Column], terminal: usize) {
    loop {
        let total: usize = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        let widest = (0..widths.len())
            .filter(|&i| columns[i] == Column::Shrinks && widths[i] > NARROWEST)
            .max_by_key(|&i| widths[i]);
        match widest {
            Some(index) if total > terminal => widths[index] -= 1,
            _ => return,
        }
    }
}

fn write_row(
    out: &mut dyn Write,
    columns: &[Column],
    widths: &[usize],
    cells: &[String],
) -> std::io::Result<()> {
    let mut line = String::new();
    for ((column, width), cell) in columns.iter().zip(widths).zip(cells) {
        let cell = fit(cell, *width);
        let padding = " ".repeat(width.saturating_sub(cell.width()));
        match column {
            Column::Right => line.push_str(&format!("{padding}{cell}")),
            Column::Left | Column::Shrinks => line.push_str(&format!("{cell}{padding}")),
        }
        line.push_str("  ");
    }
    writeln!(out, "{}", line.trim_end())
}

/// `text` cut to `width` columns, with an ellipsis where something was cut.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

/// Columns of the terminal that stdout is; `None` when it is none.
fn terminal_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let (_, columns) = console::Term::stdout().size_checked()?;
    Some(usize::from(columns).max(40))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(columns: &[Column], rows: &[Vec<String>]) -> String {
        let mut out = Vec::new();
        write(&mut out, columns, &["n", "title"], rows).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_by_their_width_on_screen() {
        let rows = [
            vec!["1".into(), "自监督".into()],
            vec!["10".into(), "x".into()],
        ];
        assert_eq!(
            written(&[Column::Right, Column::Shrinks], &rows),
            " n  title\n 1  自监督\n10  x\n"
        );
    }

    #[test]
    fn long_cells_are_cut_with_an_ellipsis() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("自监督学习", 5), "自监…");
        let mut widths = [4, 100, 50];
        shrink(
            &mut widths,
            &[Column::Right, Column::Shrinks, Column::Shrinks],
            80,
        );
        assert_eq!(widths.iter().sum::<usize>() + 4, 80);
    }
}
