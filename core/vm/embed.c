/* embed -- a program of the build: turns lua/ into one C file of bytecode.
 *
 *     embed lua/rille.lua lua/rille/app.lua ... > embedded.c
 *
 * The bytecode keeps its line numbers and names, so that a fault inside the
 * framework shows its place. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

#define ROOT "lua/"

enum { MOST_FILES = 1024 };

static int write_bytes(lua_State *L, const void *bytes, size_t len, void *count) {
    (void)L;
    const unsigned char *at = bytes;
    size_t *written = count;
    for (size_t i = 0; i < len; i++)
        printf("%u,%s", at[i], ++*written % 24 == 0 ? "\n" : "");
    return 0;
}

/* "lua/rille/app.lua" is the module "rille.app". */
static void module_name(const char *path, char *out, size_t cap) {
    snprintf(out, cap, "%s", strncmp(path, ROOT, strlen(ROOT)) == 0 ? path + strlen(ROOT) : path);
    out[strlen(out) - strlen(".lua")] = '\0';
    for (char *at = out; *at != '\0'; at++)
        if (*at == '/')
            *at = '.';
}

int main(int argc, char **argv) {
    if (argc > MOST_FILES) {
        fprintf(stderr, "embed: more than %d files\n", MOST_FILES - 1);
        return 1;
    }
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return 1;
    static size_t lens[MOST_FILES];
    for (int i = 1; i < argc; i++) {
        char chunk[512];
        snprintf(chunk, sizeof chunk, "@%s", argv[i]);
        if (luaL_loadfile(L, argv[i]) != 0) {
            fprintf(stderr, "%s\n", lua_tostring(L, -1));
            return 1;
        }
        printf("static const unsigned char m%d[] = {", i);
        if (lua_dump(L, write_bytes, &lens[i]) != 0)
            return 1;
        printf("};\n");
        lua_pop(L, 1);
    }
    printf("struct embedded { const char *name; const unsigned char *bytes; unsigned long len; };\n"
           "extern const struct embedded rl_embedded_lua[];\nconst struct embedded rl_embedded_lua[] = {\n");
    char before[512] = "";
    for (int i = 1; i < argc; i++) {
        char name[512];
        module_name(argv[i], name, sizeof name);
        if (strcmp(before, name) >= 0) {
            fprintf(stderr, "%s comes behind %s: core/vm/vm.c finds modules by the order of their names\n", name, before);
            return 1;
        }
        strcpy(before, name);
        printf("{\"%s\", m%d, %zu},\n", name, i, lens[i]);
    }
    printf("};\nextern const unsigned long rl_embedded_count;\nconst unsigned long rl_embedded_count = %d;\n", argc - 1);
    lua_close(L);
    return fflush(stdout) == 0 ? 0 : 1;
}
