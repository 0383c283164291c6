--- busted's TAP with the line `# file NAME` before what each file's examples came to: by it spec/again knows what
-- belongs together.
return function(options)
  local busted = require "busted"
  busted.subscribe({ "file", "start" }, function(file)
    io.write("# file ", file.name, "\n")
    return nil, true
  end)
  return require "busted.outputHandlers.TAP"(options)
end
