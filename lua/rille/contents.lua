--- What is in a file, as a whole: of the files that belong to an app or to Rille's commands, never of what a stranger
-- names, for it blocks.
local contents = {
  --- Called with the path of each file that is read; nil for nobody. `rille spec --watch` wants to know.
  on_read = nil,
}

--- The bytes of a file.
-- @tparam string path
-- @treturn ?string nil when it cannot be read
-- @treturn ?string then why, in the system's words, with the path
function contents.of(path)
  local file, why = io.open(path, "rb")
  if not file then
    return nil, why
  end
  if contents.on_read then
    contents.on_read(path)
  end
  local bytes
  bytes, why = file:read "*a"
  file:close()
  return bytes, why
end

--- Whether there is such a file, which we may read.
-- @tparam string path
-- @treturn boolean
function contents.exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

return contents
