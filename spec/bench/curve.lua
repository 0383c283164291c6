--- What something costs as the work grows, and how fast that grows.
--
--     local rows = curve.new{ title = "rows", series = "models", work = "rows", cost = "us of CPU a request" }
--     rows:add(1, 40.2); rows:add(10, 51); …
--     rows:finish(file)                       -- writes its points; says so when it grows faster than its work
--
-- Cost is a * work^growth: growth is the slope where both are logarithms. What all share hides it near by, so what
-- counts is the last stretch over which the work grows tenfold, or the whole if that is shorter. A step before it
-- (where a body goes to disk) makes each unit of work dearer once, which is no growth.
local curve = {}
local Curve = {}
Curve.__index = Curve

local STRETCH = 10
-- n log n grows by 1.13 between 1,000 and 10,000; the rest is noise: CPU that is 30 % off at one end changes it by 0.11.
local MOST = 1.25
local LINEAR, FLAT = 0.85, 0.15

function curve.new(about)
  return setmetatable({ about = about, points = {} }, Curve)
end

--- One more point, of more work than the last one.
function Curve:add(work, cost)
  self.points[#self.points + 1] = { work = work, cost = cost }
end

local function slope(from, to)
  return math.log(to.cost / from.cost) / math.log(to.work / from.work)
end

--- The exponent of the last stretch.
function Curve:growth()
  local points = self.points
  local from, last = points[1], points[#points]
  for _, point in ipairs(points) do
    if last.work >= point.work * STRETCH then from = point end
  end
  return slope(from, last)
end

--- What each more costs: the slope from the first point to the last one.
function Curve:slope()
  local first, last = self.points[1], self.points[#self.points]
  return (last.cost - first.cost) / (last.work - first.work)
end

--- What that is called: "flat", "less than linear", "linear" or "worse than linear".
function curve.verdict(growth)
  if growth > MOST then return "worse than linear" end
  return growth > LINEAR and "linear" or growth > FLAT and "less than linear" or "flat"
end

--- Write the points as lines of tab-separated values, print the verdict.
-- @param file open for writing: title, series, unit of the work, of the cost, work, cost, growth, verdict
-- @return nil, or what it is called when it is worse than linear
function Curve:finish(file)
  local about, growth = self.about, self:growth()
  local verdict = curve.verdict(growth)
  for _, point in ipairs(self.points) do
    file:write(("%s\t%s\t%s\t%s\t%g\t%.6g\t%.2f\t%s\n"):format(about.title, about.series, about.work, about.cost,
      point.work, point.cost, growth, verdict))
  end
  file:flush()
  local first, last = self.points[1], self.points[#self.points]
  print(("# %-22s %-22s %8.4g at %-6g %8.4g at %-9g %-28s n^%.2f, %s"):format(about.title, about.series, first.cost, first.work,
    last.cost, last.work, about.cost, growth, verdict))
  return growth > MOST and ("%s, %s: %s"):format(about.title, about.series, verdict) or nil
end

return curve
