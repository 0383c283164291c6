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

/* Of a small answer, taken once. */
typedef struct measures {
    uint32_t rows, columns, cells;
    size_t names_len, command_len, len;
    int name_lens[MOST_CELLS], cell_lens[MOST_CELLS];
} measures;

static bool has_columns_of(const PGresult *answer, const rl_result *one) {
    if (one == NULL || one->column_count != (uint32_t)PQnfields(answer))
        return false;
    for (uint32_t i = 0; i < one->column_count; i++)
        if (one->columns[i].oid != PQftype(answer, (int)i) || strcmp(one->columns[i].name, PQfname(answer, (int)i)) != 0)
            return false;
    return true;
}

static void measure_names(const PGresult *answer, measures *m) {
    for (uint32_t i = 0; i < m->columns; i++) {
        m->name_lens[i] = (int)strlen(PQfname(answer, (int)i));
        m->names_len += (size_t)m->name_lens[i] + 1;
    }
}

/* False for a large answer. */
static bool measure(const PGresult *answer, bool has_names, measures *m) {
    m->rows = (uint32_t)PQntuples(answer);
    m->columns = (uint32_t)PQnfields(answer);
    if (m->columns > MOST_CELLS || m->rows > MOST_CELLS || m->rows * m->columns > MOST_CELLS)
        return false;
    m->cells = m->rows * m->columns;
    m->names_len = 0;
    if (has_names)
        measure_names(answer, m);
    m->command_len = strlen(PQcmdStatus((PGresult *)answer)) + 1;
    m->len = m->names_len + m->command_len;
    for (uint32_t i = 0; i < m->cells; i++) {
        int row = (int)(i / m->columns), at = (int)(i % m->columns);
        int len = PQgetlength(answer, row, at);
        /* NULL has length 0: the common case needs one call less. */
        m->cell_lens[i] = len == 0 && PQgetisnull(answer, row, at) ? IS_NULL : len;
        m->len += (size_t)len + 1;
    }
    return m->len <= MOST_BYTES;
}

static void copy_columns(column *columns, char *names, const PGresult *answer, const measures *m) {
    for (uint32_t i = 0; i < m->columns; i++) {
        size_t len = (size_t)m->name_lens[i];
        memcpy(names, PQfname(answer, (int)i), len + 1);
        columns[i] = (column){.oid = PQftype(answer, (int)i), .name = names, .name_len = (uint32_t)len};
        names += len + 1;
    }
}

static void point_at_columns(column *columns, const PGresult *answer) {
    for (int i = 0; i < PQnfields(answer); i++) {
        const char *name = PQfname(answer, i);
        columns[i] = (column){.oid = PQftype(answer, i), .name = name, .name_len = (uint32_t)strlen(name)};
    }
}

static void copy_cells(rl_result *result, PGresult *answer, const measures *m) {
    size_t end = m->command_len;
    memcpy(result->bytes, PQcmdStatus(answer), end);
    for (uint32_t i = 0; i < m->cells; i++) {
        int row = (int)(i / m->columns), at = (int)(i % m->columns), len = m->cell_lens[i];
        result->cells[i] = (cell){.at = (uint32_t)end, .len = len};
        if (len == IS_NULL)
            continue;
        memcpy(result->bytes + end, PQgetvalue(answer, row, at), (size_t)len + 1);
        end += (size_t)len + 1;
    }
}

/* The block is: the struct, columns, cells, the names, the bytes. */
static rl_result *new_small(PGresult *answer, rl_results *in, const rl_result *like, const measures *m) {
    size_t columns_len = like == NULL ? m->columns * sizeof(column) : 0;
    size_t len = sizeof(rl_result) + columns_len + m->cells * sizeof(cell) + m->len;
    rl_result *result = in == NULL ? rl_mem_alloc(len) : rl_arena_alloc(&in->arena, len);
    if (result == NULL)
        return NULL;
    column *columns = (column *)(void *)(result + 1);
    *result = (rl_result){.rows = m->rows, .column_count = m->columns, .is_in_one = in != NULL};
    result->cells = (cell *)(void *)((char *)columns + columns_len);
    char *names = (char *)(result->cells + m->cells);
    result->bytes = names + m->names_len;
    result->columns = like == NULL ? columns : like->columns;
    if (like == NULL)
        copy_columns(columns, names, answer, m);
    copy_cells(result, answer, m);
    PQclear(answer);
    if (in != NULL)
        in->latest = result;
    return result;
}

static rl_result *new_large(PGresult *answer, const measures *m) {
    rl_result *result = rl_mem_alloc(sizeof *result + m->columns * sizeof(column));
    if (result == NULL)
        return NULL;
    column *columns = (column *)(void *)(result + 1);
    *result = (rl_result){.whole = answer, .rows = m->rows, .column_count = m->columns, .columns = columns};
    point_at_columns(columns, answer);
    return result;
}

rl_result *rl_result_new_take(PGresult *answer, rl_results *in) {
    measures m = {0}; /* gcc with SAN=thread does not see that measuring fills it */
    const rl_result *like = in != NULL && has_columns_of(answer, in->latest) ? in->latest : NULL;
    bool is_small = measure(answer, like == NULL, &m);
    rl_result *result = is_small ? new_small(answer, in, like, &m) : new_large(answer, &m);
    if (result == NULL)
        PQclear(answer);
    return result;
}

void rl_result_free(rl_result *result) {
    if (result == NULL || result->is_in_one)
        return;
    PQclear(result->whole);
    rl_mem_free(result);
}

void rl_results_init(rl_results *results, size_t ceiling) {
    rl_arena_init(&results->arena, ceiling);
    results->latest = NULL;
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

bool rl_result_cell(const rl_result *result, uint32_t row, uint32_t at, rl_slice *out) {
    if (result->whole == NULL) {
        const cell *one = &result->cells[row * result->column_count + at];
        if (one->len != IS_NULL)
            *out = rl_slice_of(result->bytes + one->at, (size_t)one->len);
        return one->len != IS_NULL;
    }
    int len = PQgetlength(result->whole, (int)row, (int)at);
    if (len == 0 && PQgetisnull(result->whole, (int)row, (int)at))
        return false;
    *out = rl_slice_of(PQgetvalue(result->whole, (int)row, (int)at), (size_t)len);
    return true;
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
