/* completion -- `rille completion`: a shell's completion, from the tables of commands and settings.
 *
 * zsh reads the script for bash, through the bashcompinit that it brings. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/setting.h"

enum { SCRIPT_MOST = 64 * 1024, EXIT_USAGE = 2 };

static rl_err write_settings(rl_buf *out) {
    rl_err err = RL_OK;
    for (const rl_setting *at = rl_setting_table; err == RL_OK && at < rl_setting_table + rl_setting_count; at++) {
        char flag[RL_SETTING_NAME_MOST + 8];
        rl_setting_flag(at, flag);
        err = rl_buf_appendf(out, "%s ", flag);
        if (err == RL_OK && at->type == RL_SETTING_BOOL)
            err = rl_buf_appendf(out, "--no-%s ", flag + 2);
    }
    return err;
}

/* A word that begins with - is one of the flags, another one the command's own or a path. */
static rl_err write_script(bool is_zsh, rl_buf *out) {
    rl_err err = RL_OK;
    if (is_zsh)
        err = rl_buf_appendf(out, "autoload -Uz compinit bashcompinit\n"
                                  "whence compdef >/dev/null || compinit\n"
                                  "bashcompinit\n");
    if (err == RL_OK)
        err = rl_buf_appendf(out, "_rille() {\n"
                                  "  local word=\"${COMP_WORDS[COMP_CWORD]}\" offers=\"\"\n"
                                  "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
                                  "    COMPREPLY=($(compgen -W \"");
    if (err == RL_OK)
        err = rl_commands_names(out);
    if (err == RL_OK)
        err = rl_buf_appendf(out, "--help --version\" -- \"$word\"))\n"
                                  "    return\n"
                                  "  fi\n"
                                  "  case \"${COMP_WORDS[1]}\" in\n");
    if (err == RL_OK)
        err = rl_commands_words(out);
    if (err == RL_OK)
        err = rl_buf_appendf(out, "  esac\n"
                                  "  case \"$word\" in -*) offers=\"$offers --help ");
    if (err == RL_OK)
        err = write_settings(out);
    if (err == RL_OK)
        err = rl_buf_appendf(out, "\" ;; esac\n"
                                  "  COMPREPLY=($(compgen -W \"$offers\" -- \"$word\"))\n"
                                  "}\n"
                                  "complete -o default -F _rille rille\n");
    return err;
}

int rl_complete(const rl_command *command) {
    const char *shell = command->word_count == 1 ? command->words[0] : "";
    bool is_zsh = strcmp(shell, "zsh") == 0;
    if (!is_zsh && strcmp(shell, "bash") != 0) {
        fprintf(stderr, "rille completion: say for which shell: rille completion bash, or rille completion zsh\n");
        return EXIT_USAGE;
    }
    rl_buf script;
    rl_buf_init(&script, SCRIPT_MOST);
    rl_err err = write_script(is_zsh, &script);
    if (err == RL_OK)
        fwrite(rl_buf_live(&script).ptr, 1, rl_buf_len(&script), stdout);
    else
        fprintf(stderr, "rille completion: %s\n", rl_err_name(err));
    rl_buf_clear(&script);
    return err == RL_OK ? 0 : 1;
}
