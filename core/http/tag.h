/* tag -- a script's tag, put into pages on their way out: while an app is written, each page watches for new code.
 *
 *   <!doctype html> ... <p>Hello</p> [tag] </body></html>
 *
 * Only into what a browser takes for a whole page and may run the script of: no piece of a page (that a script of the
 * app's asked for), nothing compressed, no page whose Content-Security-Policy keeps it from running what its own host
 * serves, or from asking there for news. */
#ifndef RL_HTTP_TAG_H
#define RL_HTTP_TAG_H

#include "http/request.h"

/* Have `answer`, about to be sent to `request`, hold `tag`: its new body is then in `out`, which must be empty. Whether
 * it does; an answer that does not, for want of memory also, is as it was. */
bool rl_tag_put(rl_slice tag, const rl_request *request, rl_answer *answer, rl_buf *out);

#endif
