--- The commands by name: help, slips of the fingers, and what shells complete.
local shell = require "spec.shell"

describe("rille", function()
  -- Standard output, standard error behind it, and the exit status.
  local function rille(words)
    local pipe = io.popen(("%s %s 2>&1 </dev/null; echo $?"):format(shell.quoted(shell.rille()), words))
    local output, status = pipe:read("*a"):match "^(.-)(%d+)\n$"
    pipe:close()
    return output, tonumber(status)
  end

  local function names()
    local found = {}
    for name in (rille "--help"):match("commands:\n(.-)\n\n"):gmatch "\n?  (%l+) [^\n]*" do found[#found + 1] = name end
    return found
  end

  it("says which command was meant", function()
    local output, status = rille "sevre apps/hello"
    assert.equal(2, status)
    assert.equal("rille: there is no command 'sevre': did you mean 'serve'?\n", output)
    assert.equal("rille: there is no command 'frobnicate': see rille --help\n", (rille "frobnicate"))
    assert.matches("see rille --help", (rille(("x"):rep(100))), 1, true)
  end)

  it("says which flag was meant, of the command's own or a setting's", function()
    for words, wanted in pairs {
      ["stop --prot 8081"] = "stop: there is no flag --prot: did you mean --port?", ["status --jsn"] = "status: there is no flag --jsn: did you mean --json?",
      ["routes apps/hello --max-bdoy=1"] = "routes: there is no flag --max-bdoy=1: did you mean --max-body?",
      ["check apps/hello --frobnicate"] = "check: there is no flag --frobnicate",
      ["spec --paralel 4"] = "spec: there is no option --paralel: did you mean --parallel?",
    } do
      local output, status = rille(words)
      assert.same({ "rille " .. wanted .. "\n", 2 }, { output, status })
    end
  end)

  it("has help with examples for each of its commands", function()
    assert.is_true(#names() > 10)
    for _, name in ipairs(names()) do
      local output, status = rille(name .. " --help")
      assert.equal(0, status, output)
      assert.matches("^usage: rille " .. name .. " ", output)
      assert.matches("\n[^\n]*rille " .. name .. "[^\n]*\n", output:gsub("^[^\n]*", ""), 1)
    end
  end)

  it("takes --help anywhere, unless it is a script's", function()
    assert.matches("^usage: rille serve APP", (rille "serve apps/hello --port 0 --help"))
    assert.matches("cannot open -h", (rille "exec apps/hello -h"), 1, true)
    assert.is_nil((rille "exec apps/hello nothing.lua --help"):find "usage")
  end)

  -- What bash offers for a line that ends where the cursor is.
  local function completed(line)
    local words = {}
    for word in (line .. "\1"):gmatch "[^ ]+" do words[#words + 1] = shell.quoted((word:gsub("\1", ""))) end
    local script = ([[eval "$(%s completion bash)"; complete -p rille; COMP_WORDS=(%s); COMP_CWORD=%d; _rille; echo "${COMPREPLY[*]}"]])
      :format(shell.quoted(shell.rille()), table.concat(words, " "), #words - 1)
    local how, offers = shell.run("bash -c " .. shell.quoted(script)):match "^([^\n]*)\n(.*)$"
    assert.equal("complete -o default -F _rille rille", how)
    return offers
  end

  it("completes commands, their words and settings in bash", function()
    assert.equal("serve", completed "rille ser")
    assert.equal("serve spec status stop", completed "rille s")
    assert.equal("down diff", completed "rille migrate d")
    assert.equal("bash zsh", completed "rille completion ")
    assert.equal("--max-body --max-body-memory", completed "rille serve apps/hello --max-body")
    assert.equal("--no-access-log", completed "rille serve . --no-acc")
    assert.equal("--json", completed "rille routes . --js")
    assert.equal("", completed "rille serve ap") -- files are bash's own business
    for _, name in ipairs(names()) do assert.matches(name, completed "rille ", 1, true) end
  end)

  it("asks which shell it is", function()
    local output, status = rille "completion fish"
    assert.equal(2, status)
    assert.matches("rille completion bash, or rille completion zsh", output, 1, true)
    assert.matches("bashcompinit", (rille "completion zsh"), 1, true)
  end)
end)
