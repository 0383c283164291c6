/* libpq -- PostgreSQL's client library, loaded when something of it is first called.
 *
 *   PQclear(result) --> here: is it known? --no, once--> dlopen libpq.so.5, dlsym
 *                                |
 *                                +--> the library's own PQclear
 *
 * libpq brings twenty libraries along (LDAP, Kerberos, TLS twice). To load them takes 6 ms, as long as a
 * server needs for everything else up to its first answer, and an app without a database uses none of
 * them. So the program is not linked with libpq: these functions stand for libpq's, and everybody
 * includes <libpq-fe.h> and calls them as if they were. What else core/pg comes to use is added here;
 * until then the linker does not find it.
 *
 * What was found is kept in variables of this file, an exception of the house: they belong to the
 * process, as a linked library does, and get no second value. */
#include <dlfcn.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"

enum { EXIT_NO_LIBRARY = 127 /* as when the system's loader misses one */ };

/* A program that is linked with libpq would not have begun without it. */
_Noreturn static void end_without(void) {
    fprintf(stderr, "rille: %s: install libpq5, PostgreSQL's client library\n", dlerror());
    _exit(EXIT_NO_LIBRARY);
}

static void *library;

static void load_library(void) {
    library = dlopen("libpq.so.5", RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL)
        end_without();
}

static void *find(const char *name) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_library);
    void *found = dlsym(library, name);
    if (found == NULL)
        end_without();
    return found;
}

/* Threads that find one at once find the same. */
#define FORWARD(type, name, parameters, arguments)                                              \
    type name parameters {                                                                      \
        static _Atomic(__typeof__(&name)) known;                                                \
        __typeof__(&name) own = atomic_load_explicit(&known, memory_order_relaxed);             \
        if (RL_UNLIKELY(own == NULL)) {                                                         \
            own = (__typeof__(own))find(#name);                                                 \
            atomic_store_explicit(&known, own, memory_order_relaxed);                           \
        }                                                                                       \
        return own arguments;                                                                   \
    }

/* connections */
FORWARD(PGconn *, PQconnectdbParams, (const char *const *keys, const char *const *values, int expand),
        (keys, values, expand))
FORWARD(PQconninfoOption *, PQconninfoParse, (const char *url, char **why), (url, why))
FORWARD(void, PQconninfoFree, (PQconninfoOption *options), (options))
FORWARD(void, PQfinish, (PGconn *pg), (pg))
FORWARD(ConnStatusType, PQstatus, (const PGconn *pg), (pg))
FORWARD(PGTransactionStatusType, PQtransactionStatus, (const PGconn *pg), (pg))
FORWARD(const char *, PQparameterStatus, (const PGconn *pg, const char *name), (pg, name))
FORWARD(char *, PQerrorMessage, (const PGconn *pg), (pg))
FORWARD(char *, PQhost, (const PGconn *pg), (pg))
FORWARD(char *, PQhostaddr, (const PGconn *pg), (pg))
FORWARD(char *, PQport, (const PGconn *pg), (pg))
FORWARD(int, PQsocket, (const PGconn *pg), (pg))
FORWARD(int, PQsslInUse, (PGconn *pg), (pg))
FORWARD(int, PQsetnonblocking, (PGconn *pg, int is_on), (pg, is_on))
FORWARD(PQnoticeReceiver, PQsetNoticeReceiver, (PGconn *pg, PQnoticeReceiver receiver, void *owner),
        (pg, receiver, owner))

/* what goes out */
FORWARD(int, PQsendQuery, (PGconn *pg, const char *sql), (pg, sql))
FORWARD(int, PQsendQueryParams,
        (PGconn *pg, const char *sql, int count, const Oid *types, const char *const *values, const int *lens,
         const int *formats, int result_format),
        (pg, sql, count, types, values, lens, formats, result_format))
FORWARD(int, PQsendPrepare, (PGconn *pg, const char *name, const char *sql, int count, const Oid *types),
        (pg, name, sql, count, types))
FORWARD(int, PQsendQueryPrepared,
        (PGconn *pg, const char *name, int count, const char *const *values, const int *lens, const int *formats,
         int result_format),
        (pg, name, count, values, lens, formats, result_format))
FORWARD(int, PQsendDescribePrepared, (PGconn *pg, const char *name), (pg, name))
FORWARD(int, PQenterPipelineMode, (PGconn *pg), (pg))
FORWARD(int, PQexitPipelineMode, (PGconn *pg), (pg))
FORWARD(int, PQpipelineSync, (PGconn *pg), (pg))
FORWARD(int, PQflush, (PGconn *pg), (pg))
FORWARD(int, PQputCopyData, (PGconn *pg, const char *bytes, int len), (pg, bytes, len))
FORWARD(int, PQputCopyEnd, (PGconn *pg, const char *why), (pg, why))
FORWARD(PGcancel *, PQgetCancel, (PGconn *pg), (pg))
FORWARD(int, PQcancel, (PGcancel *cancel, char *why, int cap), (cancel, why, cap))
FORWARD(void, PQfreeCancel, (PGcancel *cancel), (cancel))

/* what comes in */
FORWARD(int, PQconsumeInput, (PGconn *pg), (pg))
FORWARD(int, PQisBusy, (PGconn *pg), (pg))
FORWARD(PGnotify *, PQnotifies, (PGconn *pg), (pg))
FORWARD(PGresult *, PQgetResult, (PGconn *pg), (pg))
FORWARD(int, PQgetCopyData, (PGconn *pg, char **bytes, int is_async), (pg, bytes, is_async))
FORWARD(void, PQfreemem, (void *memory), (memory))

/* results */
FORWARD(void, PQclear, (PGresult *result), (result))
FORWARD(ExecStatusType, PQresultStatus, (const PGresult *result), (result))
FORWARD(char *, PQresultErrorField, (const PGresult *result, int field), (result, field))
FORWARD(char *, PQcmdStatus, (PGresult *result), (result))
FORWARD(int, PQntuples, (const PGresult *result), (result))
FORWARD(int, PQnfields, (const PGresult *result), (result))
FORWARD(char *, PQfname, (const PGresult *result, int column), (result, column))
FORWARD(Oid, PQftype, (const PGresult *result, int column), (result, column))
FORWARD(int, PQgetisnull, (const PGresult *result, int row, int column), (result, row, column))
FORWARD(int, PQgetlength, (const PGresult *result, int row, int column), (result, row, column))
FORWARD(char *, PQgetvalue, (const PGresult *result, int row, int column), (result, row, column))
FORWARD(int, PQnparams, (const PGresult *result), (result))
FORWARD(Oid, PQparamtype, (const PGresult *result, int at), (result, at))
