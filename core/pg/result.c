#include "pg/result.h"

#include <libpq-fe.h>
#include <stdlib.h>

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

void rl_result_free(rl_result *result) {
    PQclear(result);
}

uint32_t rl_result_rows(const rl_result *result) {
    return (uint32_t)PQntuples(result);
}

uint32_t rl_result_columns(const rl_result *result) {
    return (uint32_t)PQnfields(result);
}

rl_slice rl_result_name(const rl_result *result, uint32_t column) {
    return rl_slice_str(PQfname(result, (int)column));
}

uint32_t rl_result_oid(const rl_result *result, uint32_t column) {
    return PQftype(result, (int)column);
}

bool rl_result_cell(const rl_result *result, uint32_t row, uint32_t column, rl_slice *out) {
    int len = PQgetlength(result, (int)row, (int)column);
    /* NULL has length 0: the common case needs one call less. */
    if (len == 0 && PQgetisnull(result, (int)row, (int)column))
        return false;
    *out = rl_slice_of(PQgetvalue(result, (int)row, (int)column), (size_t)len);
    return true;
}

uint64_t rl_result_affected(const rl_result *result) {
    return strtoull(PQcmdTuples((PGresult *)result), NULL, 10);
}

const char *rl_result_command(const rl_result *result) {
    return PQcmdStatus((PGresult *)result);
}

const char *rl_result_error_field(const rl_result *result, rl_field_code code) {
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
    return PQresultErrorField(result, codes[code]);
}
