//! Who of a process may have how many files open: clients never take those that the log and the rows
//! need, for without them a node ends.

/// Files for all but rows and clients: segments of the log, tables while they are written, sockets to
/// other nodes.
const RESERVED: usize = 64;

/// Most files for rows: more only save opening them again.
const ROWS_MAX: usize = 900;

/// Fewest of each kind, however few there are.
const LEAST: usize = 16;

/// Shares in the files that a process may have open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Files {
    /// Most tables of rows that stay open.
    pub(crate) rows: usize,
    /// Most connections of clients.
    pub(crate) connections: usize,
}

impl Files {
    /// Shares of a process that may have so many files open.
    pub(crate) fn share(all: usize) -> Self {
        let rows = (all / 4).clamp(LEAST, ROWS_MAX);
        let connections = all.saturating_sub(rows + RESERVED).max(LEAST);
        Self { rows, connections }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_is_left() {
        let cases = [
            (usize::MAX, 900, usize::MAX - 964),
            (20_000, 900, 19_036),
            (1_024, 256, 704),
            (256, 64, 128),
            (64, 16, 16),
        ];
        for (all, rows, connections) in cases {
            assert_eq!(Files::share(all), Files { rows, connections }, "{all}");
        }
    }
}
