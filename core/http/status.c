#include "http/status.h"

static rl_slice reason_of_class(int status) {
    switch (status / 100) {
    case 1: return RL_LIT("Informational");
    case 2: return RL_LIT("Success");
    case 3: return RL_LIT("Redirection");
    case 4: return RL_LIT("Client Error");
    case 5: return RL_LIT("Server Error");
    default: return RL_LIT("Unknown");
    }
}

/* IANA's registry of HTTP status codes, as RFC 9110 names them. */
rl_slice rl_status_reason(int status) {
    switch (status) {
    case 100: return RL_LIT("Continue");
    case 101: return RL_LIT("Switching Protocols");
    case 103: return RL_LIT("Early Hints");
    case 200: return RL_LIT("OK");
    case 201: return RL_LIT("Created");
    case 202: return RL_LIT("Accepted");
    case 203: return RL_LIT("Non-Authoritative Information");
    case 204: return RL_LIT("No Content");
    case 205: return RL_LIT("Reset Content");
    case 206: return RL_LIT("Partial Content");
    case 207: return RL_LIT("Multi-Status");
    case 208: return RL_LIT("Already Reported");
    case 226: return RL_LIT("IM Used");
    case 300: return RL_LIT("Multiple Choices");
    case 301: return RL_LIT("Moved Permanently");
    case 302: return RL_LIT("Found");
    case 303: return RL_LIT("See Other");
    case 304: return RL_LIT("Not Modified");
    case 305: return RL_LIT("Use Proxy");
    case 307: return RL_LIT("Temporary Redirect");
    case 308: return RL_LIT("Permanent Redirect");
    case 400: return RL_LIT("Bad Request");
    case 401: return RL_LIT("Unauthorized");
    case 402: return RL_LIT("Payment Required");
    case 403: return RL_LIT("Forbidden");
    case 404: return RL_LIT("Not Found");
    case 405: return RL_LIT("Method Not Allowed");
    case 406: return RL_LIT("Not Acceptable");
    case 407: return RL_LIT("Proxy Authentication Required");
    case 408: return RL_LIT("Request Timeout");
    case 409: return RL_LIT("Conflict");
    case 410: return RL_LIT("Gone");
    case 411: return RL_LIT("Length Required");
    case 412: return RL_LIT("Precondition Failed");
    case 413: return RL_LIT("Content Too Large");
    case 414: return RL_LIT("URI Too Long");
    case 415: return RL_LIT("Unsupported Media Type");
    case 416: return RL_LIT("Range Not Satisfiable");
    case 417: return RL_LIT("Expectation Failed");
    case 421: return RL_LIT("Misdirected Request");
    case 422: return RL_LIT("Unprocessable Content");
    case 423: return RL_LIT("Locked");
    case 424: return RL_LIT("Failed Dependency");
    case 425: return RL_LIT("Too Early");
    case 426: return RL_LIT("Upgrade Required");
    case 428: return RL_LIT("Precondition Required");
    case 429: return RL_LIT("Too Many Requests");
    case 431: return RL_LIT("Request Header Fields Too Large");
    case 451: return RL_LIT("Unavailable For Legal Reasons");
    case 500: return RL_LIT("Internal Server Error");
    case 501: return RL_LIT("Not Implemented");
    case 502: return RL_LIT("Bad Gateway");
    case 503: return RL_LIT("Service Unavailable");
    case 504: return RL_LIT("Gateway Timeout");
    case 505: return RL_LIT("HTTP Version Not Supported");
    case 506: return RL_LIT("Variant Also Negotiates");
    case 507: return RL_LIT("Insufficient Storage");
    case 508: return RL_LIT("Loop Detected");
    case 511: return RL_LIT("Network Authentication Required");
    default: return reason_of_class(status);
    }
}
