#include "CFullText.h"

#include <math.h>
#include <sqlite3.h>
#include <string.h>

#define K1 1.2
#define B 0.75
#define COUNTED_ROWS 1024

/// What one query knows of the whole table.
typedef struct {
  double average_length;
  int phrases;
  double inverse_frequency[];
} Statistics;

typedef struct {
  sqlite3_int64 rows;
  sqlite3_int64 last;
} PhraseCount;

static int count_row(const Fts5ExtensionApi *api, Fts5Context *context, void *data) {
  PhraseCount *count = data;
  count->rows += 1;
  count->last = api->xRowid(context);
  return count->rows < COUNTED_ROWS ? SQLITE_OK : SQLITE_DONE;
}

/// In how many of `rows` rows a phrase is. Rowids rise with time and have few gaps, so the rowid that counting got to
/// says how much of the table has been seen.
static int frequency(
    const Fts5ExtensionApi *api, Fts5Context *context, int phrase, double rows, double *result) {
  PhraseCount count = {0, 0};
  int status = api->xQueryPhrase(context, phrase, &count, count_row);
  if (status != SQLITE_OK) return status;
  *result = (double)count.rows;
  if (count.rows == COUNTED_ROWS && count.last > 0 && (double)count.last < rows)
    *result *= rows / (double)count.last;
  return SQLITE_OK;
}

static int make_statistics(
    const Fts5ExtensionApi *api, Fts5Context *context, int filters, Statistics **result) {
  int phrases = api->xPhraseCount(context);
  sqlite3_int64 rows = 0, tokens = 0;
  int status = api->xRowCount(context, &rows);
  if (status == SQLITE_OK) status = api->xColumnTotalSize(context, -1, &tokens);
  if (status != SQLITE_OK) return status;
  Statistics *made = sqlite3_malloc64(sizeof(Statistics) + (sqlite3_uint64)phrases * sizeof(double));
  if (!made) return SQLITE_NOMEM;
  made->phrases = phrases;
  made->average_length = rows > 0 && tokens > 0 ? (double)tokens / (double)rows : 1;
  for (int phrase = 0; phrase < phrases; phrase++) {
    made->inverse_frequency[phrase] = 0;
    if (phrase < filters) continue;
    double hits = 0;
    status = frequency(api, context, phrase, (double)rows, &hits);
    if (status != SQLITE_OK) {
      sqlite3_free(made);
      return status;
    }
    double weight = log(((double)rows - hits + 0.5) / (hits + 0.5));
    // As FTS5 does: a phrase that is in more than half of the rows still counts for a little.
    made->inverse_frequency[phrase] = weight > 1e-6 ? weight : 1e-6;
  }
  *result = made;
  return api->xSetAuxdata(context, made, sqlite3_free);
}

static double weight_of(int column, int values_count, sqlite3_value **values) {
  return column + 1 < values_count ? sqlite3_value_double(values[column + 1]) : 1;
}

static void bounded_bm25(
    const Fts5ExtensionApi *api, Fts5Context *context, sqlite3_context *result, int values_count,
    sqlite3_value **values) {
  int filters = values_count > 0 ? sqlite3_value_int(values[0]) : 0;
  Statistics *statistics = api->xGetAuxdata(context, 0);
  int status = SQLITE_OK;
  if (!statistics) status = make_statistics(api, context, filters, &statistics);
  int instances = 0, length = 0;
  if (status == SQLITE_OK) status = api->xInstCount(context, &instances);
  if (status == SQLITE_OK) status = api->xColumnSize(context, -1, &length);
  double frequencies[64];
  memset(frequencies, 0, sizeof(frequencies));
  for (int instance = 0; status == SQLITE_OK && instance < instances; instance++) {
    int phrase, column, offset;
    status = api->xInst(context, instance, &phrase, &column, &offset);
    if (status == SQLITE_OK && phrase >= filters && phrase < 64)
      frequencies[phrase] += weight_of(column, values_count, values);
  }
  if (status != SQLITE_OK) {
    sqlite3_result_error_code(result, status);
    return;
  }
  double score = 0;
  for (int phrase = filters; phrase < statistics->phrases && phrase < 64; phrase++) {
    double found = frequencies[phrase];
    score += statistics->inverse_frequency[phrase] * found * (K1 + 1)
             / (found + K1 * (1 - B + B * length / statistics->average_length));
  }
  sqlite3_result_double(result, score);
}

int full_text_register(void *connection) {
  sqlite3_stmt *statement = 0;
  fts5_api *api = 0;
  int status = sqlite3_prepare_v2(connection, "SELECT fts5(?1)", -1, &statement, 0);
  if (status != SQLITE_OK) return status;
  sqlite3_bind_pointer(statement, 1, &api, "fts5_api_ptr", 0);
  sqlite3_step(statement);
  status = sqlite3_finalize(statement);
  if (status != SQLITE_OK) return status;
  if (!api || api->iVersion < 2) return SQLITE_ERROR;
  return api->xCreateFunction(api, "bounded_bm25", 0, bounded_bm25, 0);
}
