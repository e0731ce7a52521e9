// A ranking for FTS5 whose cost has a bound. `sqlite3.h` is deliberately not included: its types would clash with the
// ones that GRDB imports. The connection is an opaque pointer here.
#pragma once

/// Adds the auxiliary function `bounded_bm25(table, filters, weight…)` to an open connection: Okapi BM25 (k1 = 1.2,
/// b = 0.75) like FTS5's own `bm25`, the greater the better, but
///
/// - the first `filters` phrases of the query choose rows and add nothing to the score, and
/// - how common a phrase is, is counted in its first 1,024 rows and extrapolated, where `bm25` walks over every row.
///
/// Weights are those of the columns, from the first; 1 where there are none. Returns an SQLite result code.
int full_text_register(void *connection);
