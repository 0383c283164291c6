std = "luajit"
max_line_length = 130
cache = false
files["lua/rille/guard.lua"] = { globals = { "os", "io", "string", "load", "loadstring", "loadfile", "newproxy", "dofile" } }
exclude_files = { "build" }
files["spec"] = { std = "+busted", max_line_length = 170 } -- rows of tables of cases
files["lua/rille/command/spec.lua"] = { globals = { "arg", "coroutine", "os" } }
files["lua/rille/test.lua"] = { globals = { "os", "io" } }
files["lua/rille/thread.lua"] = { globals = { "os", "io" } }
