#include "pg/result.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

uint32_t rl_oid_element(uint32_t oid) {
    switch (oid) {
    case 1000: return RL_OID_BOOL;
    case 1001: return RL_OID_BYTEA;
    case 1002: /* "char"[] */
    case 1003: /* name[] */
    case 1009: return RL_OID_TEXT;
    case 1005: return RL_OID_INT2;
    case 1007: return RL_OID_INT4;
    case 1014: return RL_OID_BPCHAR;
    case 1015: return RL_OID_VARCHAR;
    case 1016: return RL_OID_INT8;
    case 1021: return RL_OID_FLOAT4;
    case 1022: return RL_OID_FLOAT8;
    case 1028: return RL_OID_OID;
    case 1115: return RL_OID_TIMESTAMP;
    case 1182: return RL_OID_DATE;
    case 1183: return RL_OID_TIME;
    case 1185: return RL_OID_TIMESTAMPTZ;
    case 1231: return RL_OID_NUMERIC;
    case 199: return RL_OID_JSON;
    case 2951: return RL_OID_UUID;
    case 3807: return RL_OID_JSONB;
    default: return 0;
    }
}

enum {
    MOST_CELLS = 32, /* of a small answer */
    MOST_BYTES = 640, /* with all the rest in a block that malloc has at hand, of less than 1 KB */
    IS_NULL = -1
};

typedef struct column {
    uint32_t oid, name_len;
    const char *name; /* a NUL behind it */
} column;

typedef struct cell {
    uint32_t at;
    int32_t len; /* IS_NULL */
} cell;

struct rl_result {
    uint32_t rows, column_count;
    const column *columns; /* behind the struct, or an earlier one's */
    PGresult *whole;       /* a large answer; else NULL, and its cells are here: */
    cell *cells;
    char *bytes;    /* the command, cells: a NUL behind each */
    bool is_in_one; /* an rl_results, which frees it */
};

/* A small answer, before it is known how much room it needs: names, the command, cells. */
typedef struct gathered {
    uint32_t rows, columns;
    size_t names_len, len;
    size_t name_lens[MOST_CELLS];
    cell cells[MOST_CELLS];
    char bytes[MOST_BYTES]; /* a NUL behind each text */
} gathered;

static bool has_columns_of(const PGresult *answer, const rl_result *one) {
    for (uint32_t i = 0; i < one->column_count; i++)
        if (one->columns[i].oid != PQftype(answer, (int)i) || strcmp(one->columns[i].name, PQfname(answer, (int)i)) != 0)
            return false;
    return true;
}

/* The earlier result whose columns are the answer's as well, or NULL. */
static const rl_result *find_alike(const PGresult *answer, const rl_results *in, uint64_t origin) {
    const rl_result *latest = in == NULL ? NULL : in->latest;
    if (latest == NULL || latest->column_count != (uint32_t)PQnfields(answer))
        return NULL;
    bool is_known = origin != 0 && origin == in->origin;
    return is_known || has_columns_of(answer, latest) ? latest : NULL;
}

static bool gather(gathered *g, const char *text, size_t len) {
    if (len >= MOST_BYTES - g->len)
        return false;
    memcpy(g->bytes + g->len, text, len + 1);
    g->len += len + 1;
    return true;
}

static bool gather_names(gathered *g, const PGresult *answer) {
    for (uint32_t i = 0; i < g->columns; i++) {
        const char *name = PQfname(answer, (int)i);
        g->name_lens[i] = strlen(name);
        if (!gather(g, name, g->name_lens[i]))
            return false;
    }
    g->names_len = g->len;
    return true;
}

static bool gather_cells(gathered *g, const PGresult *answer) {
    cell *one = g->cells;
    for (int row = 0; row < (int)g->rows; row++) {
        for (int at = 0; at < (int)g->columns; at++, one++) {
            int len = PQgetlength(answer, row, at);
            /* NULL has length 0: the common case needs one call less. */
            bool is_null = len == 0 && PQgetisnull(answer, row, at);
            *one = (cell){.at = (uint32_t)(g->len - g->names_len), .len = is_null ? IS_NULL : len};
            if (!is_null && !gather(g, PQgetvalue(answer, row, at), (size_t)len))
                return false;
        }
    }
    return true;
}

/* False for a large answer. */
static bool gather_small(gathered *g, PGresult *answer, bool has_names) {
    g->rows = (uint32_t)PQntuples(answer);
    g->columns = (uint32_t)PQnfields(answer);
    g->names_len = g->len = 0;
    if (g->columns > MOST_CELLS || g->rows > MOST_CELLS || g->rows * g->columns > MOST_CELLS)
        return false;
    const char *command = PQcmdStatus(answer);
    return (!has_names || gather_names(g, answer)) && gather(g, command, strlen(command)) && gather_cells(g, answer);
}

static void copy_columns(column *columns, const char *names, const PGresult *answer, const gathered *g) {
    for (uint32_t i = 0; i < g->columns; i++) {
        uint32_t len = (uint32_t)g->name_lens[i];
        columns[i] = (column){.oid = PQftype(answer, (int)i), .name = names, .name_len = len};
        names += len + 1;
    }
}

static void point_at_columns(column *columns, const PGresult *answer) {
    for (int i = 0; i < PQnfields(answer); i++) {
        const char *name = PQfname(answer, i);
        columns[i] = (column){.oid = PQftype(answer, i), .name = name, .name_len = (uint32_t)strlen(name)};
    }
}

/* The block is: the struct, columns, cells, the names, the bytes. */
static rl_result *new_small(const PGresult *answer, rl_results *in, const rl_result *like, const gathered *g) {
    size_t columns_len = like == NULL ? g->columns * sizeof(column) : 0;
    size_t cells_len = g->rows * g->columns * sizeof(cell);
    size_t len = sizeof(rl_result) + columns_len + cells_len + g->len;
    rl_result *result = in == NULL ? rl_mem_alloc(len) : rl_arena_alloc(&in->arena, len);
    if (result == NULL)
        return NULL;
    column *columns = (column *)(void *)(result + 1);
    *result = (rl_result){.rows = g->rows, .column_count = g->columns, .is_in_one = in != NULL};
    result->cells = (cell *)(void *)((char *)columns + columns_len);
    char *names = (char *)result->cells + cells_len;
    memcpy(result->cells, g->cells, cells_len);
    memcpy(names, g->bytes, g->len);
    result->bytes = names + g->names_len;
    result->columns = like == NULL ? columns : like->columns;
    if (like == NULL)
        copy_columns(columns, names, answer, g);
    return result;
}

static rl_result *new_large(PGresult *answer) {
    uint32_t count = (uint32_t)PQnfields(answer);
    rl_result *result = rl_mem_alloc(sizeof *result + count * sizeof(column));
    if (result == NULL)
        return NULL;
    column *columns = (column *)(void *)(result + 1);
    *result = (rl_result){
        .whole = answer, .rows = (uint32_t)PQntuples(answer), .column_count = count, .columns = columns};
    point_at_columns(columns, answer);
    return result;
}

rl_result *rl_result_new_take(PGresult *answer, rl_results *in, uint64_t origin) {
    gathered g;
    const rl_result *like = find_alike(answer, in, origin);
    bool is_small = gather_small(&g, answer, like == NULL);
    rl_result *result = is_small ? new_small(answer, in, like, &g) : new_large(answer);
    if (is_small || result == NULL)
        PQclear(answer);
    if (result != NULL && result->is_in_one) {
        in->latest = result;
        in->origin = origin;
    }
    return result;
}

void rl_result_free(rl_result *result) {
    if (result == NULL || result->is_in_one)
        return;
    PQclear(result->whole);
    rl_mem_free(result);
}

void rl_results_init(rl_results *results, size_t ceiling) {
    *results = (rl_results){0};
    rl_arena_init(&results->arena, ceiling);
}

void rl_results_clear(rl_results *results) {
    rl_arena_clear(&results->arena);
    results->latest = NULL;
}

uint32_t rl_result_rows(const rl_result *result) {
    return result->rows;
}

uint32_t rl_result_columns(const rl_result *result) {
    return result->column_count;
}

rl_slice rl_result_name(const rl_result *result, uint32_t at) {
    return rl_slice_of(result->columns[at].name, result->columns[at].name_len);
}

uint32_t rl_result_oid(const rl_result *result, uint32_t at) {
    return result->columns[at].oid;
}

bool rl_result_is_alike(const rl_result *a, const rl_result *b) {
    return a->columns == b->columns;
}

static bool read_large(const PGresult *whole, int row, int at, rl_slice *out) {
    int len = PQgetlength(whole, row, at);
    if (len == 0 && PQgetisnull(whole, row, at))
        return false;
    *out = rl_slice_of(PQgetvalue(whole, row, at), (size_t)len);
    return true;
}

bool rl_result_cell(const rl_result *result, uint32_t row, uint32_t at, rl_slice *out) {
    if (result->whole != NULL)
        return read_large(result->whole, (int)row, (int)at, out);
    const cell *one = &result->cells[row * result->column_count + at];
    if (one->len != IS_NULL)
        *out = rl_slice_of(result->bytes + one->at, (size_t)one->len);
    return one->len != IS_NULL;
}

const char *rl_result_command(const rl_result *result) {
    return result->whole != NULL ? PQcmdStatus(result->whole) : result->bytes;
}

/* The last word of a command is the count, where it has one. */
uint64_t rl_result_affected(const rl_result *result) {
    const char *space = strrchr(rl_result_command(result), ' ');
    return space == NULL ? 0 : strtoull(space, NULL, 10);
}

const char *rl_server_error_field(const rl_server_error *error, rl_field_code code) {
    static const int codes[] = {
        [RL_FIELD_SEVERITY] = PG_DIAG_SEVERITY_NONLOCALIZED,
        [RL_FIELD_SQLSTATE] = PG_DIAG_SQLSTATE,
        [RL_FIELD_MESSAGE] = PG_DIAG_MESSAGE_PRIMARY,
        [RL_FIELD_DETAIL] = PG_DIAG_MESSAGE_DETAIL,
        [RL_FIELD_HINT] = PG_DIAG_MESSAGE_HINT,
        [RL_FIELD_POSITION] = PG_DIAG_STATEMENT_POSITION,
        [RL_FIELD_SCHEMA] = PG_DIAG_SCHEMA_NAME,
        [RL_FIELD_TABLE] = PG_DIAG_TABLE_NAME,
        [RL_FIELD_COLUMN] = PG_DIAG_COLUMN_NAME,
        [RL_FIELD_CONSTRAINT] = PG_DIAG_CONSTRAINT_NAME,
        [RL_FIELD_CONTEXT] = PG_DIAG_CONTEXT,
    };
    return PQresultErrorField(error, codes[code]);
}

void rl_server_error_free(rl_server_error *error) {
    PQclear(error);
}
