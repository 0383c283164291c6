--- What README.md and lua/README.md show is run here, every block of it.
local database = require "spec.apps.database"
local document = require "spec.guide.document"
local folder = require "spec.guide.folder"
local tour = require "spec.guide.tour"

local function text_of(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function samples_of(section)
  local samples = {}
  for _, step in ipairs(section.steps) do
    if step.kind == "sample" then
      samples[#samples + 1] = step
    end
  end
  return samples
end

describe("the guide", function()
  local base

  setup(function()
    base = database.new()
  end)

  teardown(function()
    if base then base:drop() end
  end)

  for _, section in ipairs(document.read(text_of "lua/README.md")) do
    if #section.steps > 0 then
      it("is right about: " .. section.title, function()
        local here = folder.new(base.url)
        finally(function() here:drop() end)
        for _, step in ipairs(section.steps) do
          here:follow(step)
        end
      end)
    end
  end

  it("says of each sample what comes of it", function()
    for _, section in ipairs(document.read(text_of "lua/README.md")) do
      for i, step in ipairs(section.steps) do
        local follower = section.steps[i + 1]
        local is_followed = follower and (follower.kind == "http" or follower.kind == "error" or follower.kind == "console")
        assert.is_true(step.kind ~= "sample" or is_followed, ("line %d: nothing is said of this sample"):format(step.line))
      end
    end
  end)
end)

describe("the guide's table of settings", function()
  -- "  --max-body SIZE   longest request body (8M)"
  local function settings_of_help()
    local pipe = io.popen((os.getenv "RILLE" or "build/rille") .. " --help")
    local defaults, is_setting = {}, false
    for line in pipe:lines() do
      is_setting = is_setting or line:find("^  %-%-host")
      if is_setting then
        defaults[line:match("^  %-%-(%S+)"):gsub("-", "_")] = line:match "%((%S+)%)$" or ""
      end
    end
    pipe:close()
    return defaults
  end

  it("has all of them, with their defaults", function()
    local table_of_settings = {}
    for name, default in text_of("lua/README.md"):match("## Every setting\n(.-)\n## "):gmatch "\n| `(%S+)` | (%S*) ?|" do
      table_of_settings[name] = default
    end
    assert.same(settings_of_help(), table_of_settings)
  end)
end)

describe("README.md", function()
  local base

  setup(function()
    base = database.new()
    base:migrate()
    for _, statement in ipairs(tour.tables) do
      base:sql(statement)
    end
  end)

  teardown(function()
    if base then base:drop() end
  end)

  local number = 0
  for _, section in ipairs(document.read(text_of "README.md")) do
    for _, sample in ipairs(samples_of(section)) do
      number = number + 1
      local talk = tour.talks[number]
      it(("is right about the sample in line %d"):format(sample.line), function()
        assert.truthy(talk, "spec/guide/tour.lua says nothing of this sample")
        local here = folder.new(base.url)
        finally(function() here:drop() end)
        here:follow(sample)
        here:follow { kind = "http", line = sample.line, text = talk }
      end)
    end
  end

  it("has all the samples that spec/guide/tour.lua speaks of", function()
    assert.equal(#tour.talks, number)
  end)
end)
