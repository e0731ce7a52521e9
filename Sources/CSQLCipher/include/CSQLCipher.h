// The calls that SQLCipher adds to SQLite. `sqlite3.h` is deliberately not included: its types would
// clash with the ones that GRDB imports. The connection is an opaque pointer here.
#pragma once

/// Sets the key of the database called `name` ("main") on an open connection. Returns an SQLite result code.
int sqlite3_key_v2(void *connection, const char *name, const void *key, int length);
