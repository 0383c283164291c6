--- `rille console`, from a pipe and at a terminal.
local database = require "spec.apps.database"
local shell = require "spec.shell"
local terminal = require "spec.terminal"

local APP = "spec/apps/console"
local PROMPT = "console> "

describe("rille console", function()
  local base, dir

  setup(function()
    base, dir = database.new(), shell.run "mktemp -d /tmp/rille-console.XXXXXX"
    base:sql [[create table posts (id int primary key, title text not null, notes text, is_published boolean);
      insert into posts values (1, 'One', 'mine', true), (2, 'Two', null, false)]]
  end)

  teardown(function()
    base:drop()
    shell.run("rm -rf " .. dir)
  end)

  -- Both outputs, and the status, of what these lines do in a pipe.
  local function piped(lines, app)
    local pipe = io.popen(("printf %%s %s | DATABASE_URL=%s %s console %s 2>&1; echo $?"):format(
      shell.quoted(lines), shell.quoted(base.url), shell.quoted(shell.rille()), app or APP))
    local output, status = pipe:read("*a"):match "^(.*)(%d+)\n$"
    pipe:close()
    return output, tonumber(status)
  end

  local function at_terminal(words)
    return terminal.open(("%s console %s %s"):format(shell.quoted(shell.rille()), APP, words or ""),
      { DATABASE_URL = base.url, XDG_STATE_HOME = dir })
  end

  describe("from a pipe", function()
    it("prints what each line gives, and nothing else", function()
      local output, status = piped 'x = 20\n=x + 1\nx, "two"\nlocal y = x\ny\n_ + 1\nprint "hi"\n'
      assert.equal('21\n20\n"two"\n20\n21\nhi\n', output)
      assert.equal(0, status)
    end)

    it("takes a chunk over several lines", function()
      assert.equal("1\n2\n", (piped "for i = 1, 2 do\n\n  print(i)\nend"))
      local output, status = piped "print(1)\nfor i = 1, 2 do\n"
      assert.equal("1\nthe last lines are no complete chunk: they were not run\n", output)
      assert.equal(1, status)
    end)

    it("waits where a line does: for the database, tasks, channels", function()
      assert.equal("2\n1\n{}\n", (piped("BlogPost:count()\nch = rille.channel()\nt = rille.spawn(function() ch:send(1) end)\n"
        .. "ch:recv()\nBlogPost:where{ id = 7 }:all()\n")))
    end)

    it("shows rows by column, without what JSON leaves out, and models with their columns", function()
      assert.equal([[
posts 1 {
  id = 1,
  title = "One",
  notes = (hidden: ask for the column by its name),
  is_published = true
}
model of posts, at spec/apps/console/models/blog_post.lua:3
  id            integer not null
  title         text not null
  notes         text
  is_published  boolean
]], (piped "BlogPost:find(1)\nBlogPost"))
    end)

    it("runs SQL", function()
      assert.equal(" id | title\n----+-------\n  1 | One\n  2 | Two\n(2 rows)\n", (piped "sql SELECT id, title FROM posts ORDER BY id"))
      assert.equal("1 row\n", (piped "sql update posts set notes = 'x' where id = 2"))
      assert.equal("(0 rows)\n", (piped "sql select 1 where false"))
    end)

    it("goes on after an error, which the status tells", function()
      local output, status = piped 'error "oh"\nfoo bar\n=nil + 1\nsql select nothing\n1'
      assert.equal(1, status)
      assert.matches("console:1: oh\n", output, 1, true)
      assert.matches("console:1: '=' expected near 'bar'\n", output, 1, true)
      assert.matches("console:1: attempt to perform arithmetic on a nil value\n", output, 1, true)
      assert.matches('db.42703: column "nothing" does not exist', output, 1, true)
      assert.matches("\n1\n$", output)
    end)

    it("loads the app's files again at reload!, and keeps what was assigned", function()
      local copy = dir .. "/copy"
      shell.run(("cp -r %s %s"):format(APP, copy))
      assert.equal('"hello"\nreloaded; what you assigned is as it was\n"hello"\nnil\nfalse\n', (piped(([[
before = BlogPost
rille.config.greeting
(function() os.rename("%s/models/blog_post.lua", "%s/models/post.lua") end)()
reload!
rille.config.greeting
BlogPost
Post == before]]):format(copy, copy), copy)))
    end)

    it("has the private database of the folder, while that runs and no other is named", function()
      local work = dir .. "/work"
      shell.run(("mkdir -p %s/.rille && ln -s %s/pg %s/.rille/pg && cp -r %s/* %s"):format(work, base.dir, work, APP, work))
      assert.equal("2", shell.run(("cd %s && echo 'BlogPost:count()' | env -u DATABASE_URL %s console ."):format(work,
        shell.quoted(shell.rille()))))
    end)

    it("says what is wrong with the app, and ends", function()
      local broken = dir .. "/broken"
      shell.run(("mkdir %s && printf 'return 1 +' >%s/app.lua"):format(broken, broken))
      local output, status = piped("print 'never'", broken)
      assert.equal(broken .. "/app.lua:1: unexpected symbol near '<eof>'\n", output)
      assert.equal(1, status)
    end)
  end)

  describe("at a terminal", function()
    it("edits lines, remembers them for its owner alone, and ends with Ctrl-D", function()
      local at = at_terminal()
      at:see(PROMPT)
      at:type "1 + 1\r"
      assert.matches("\27[33m2\27[m\r\n", at:see(PROMPT), 1, true)
      at:type "\4"
      assert.equal(0, at:close())
      assert.equal("600 rw-------", shell.run("stat -c '%a %A' " .. dir .. "/rille/console_history"):gsub(" %-", " "))
      at = at_terminal()
      at:see(PROMPT)
      at:type "\27[A\r" -- the arrow up
      assert.matches("2\27[m\r\n", at:see(PROMPT), 1, true)
      at:type "exit\r"
      assert.equal(0, at:close())
    end)

    it("ends a line with Ctrl-C, and not itself", function()
      local at = at_terminal()
      at:see(PROMPT)
      at:type "rille.sleep(1000)\r"
      at:see "\r\n"
      at:type "\3"
      at:see "interrupted"
      at:see(PROMPT)
      at:type "while true do end\r"
      at:see "\r\n"
      at:type "\3"
      at:see "interrupted"
      at:see(PROMPT)
      at:type "for i = 1, 3 do\r"
      at:see "|"
      at:type "what\3"
      at:see(PROMPT)
      at:type "'still here'\r"
      at:see "still here"
      at:see(PROMPT)
      at:type "\4"
      assert.equal(0, at:close())
    end)

    it("completes names, a model's methods and a row's columns", function()
      local at = at_terminal()
      at:see(PROMPT)
      at:type "Blog\t"
      at:see "Post"
      at:type ":publ\t"
      at:see "ished"
      at:type "():count()\r"
      assert.matches("1\27[m\r\n", at:see(PROMPT), 1, true)
      at:type "post = BlogPost:get(1)\r"
      at:see(PROMPT)
      at:type "post.ti\t\r"
      assert.matches('"One"', at:see(PROMPT), 1, true)
      at:type "BlogPost:where_n\t\t"
      assert.matches("where_not_exists  where_not_in      where_not_null    ", at:see "where_null", 1, true)
      at:see "BlogPost:where_n" -- again: a key before that is the terminal's, not the line's
      at:type "\3"
      at:see(PROMPT)
      at:type "\4"
      assert.equal(0, at:close())
    end)

    it("warns in production", function()
      local at = at_terminal "--env production"
      at:see "This is production"
      at:see "\27[31mconsole(production)\27[m> "
      at:type "\4"
      assert.equal(0, at:close())
    end)
  end)
end)
