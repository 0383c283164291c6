-- The servers that this one is compared with write no access log either: a
-- line a request would measure the logs.
return { access_log = false }
