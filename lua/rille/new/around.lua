--- What `rille new` writes around the app: for people, editors and machines.
--
-- Texts by path; NAME stands for the project's name.
return {
  ["README.md"] = [=[
# NAME

    rille dev .          serves http://127.0.0.1:8080/ and each save at once; brings a private PostgreSQL, migrated
    rille spec           the specs, in a database of their own
    rille check .        all that is wrong with the app
    rille routes .       what it answers
    rille console .      lines of Lua and SQL, with the app's models and database

Try it:

    curl http://127.0.0.1:8080/posts -H 'Content-Type: application/json' -d '{"title": "Tea", "body": "With milk."}'
    curl http://127.0.0.1:8080/posts/1/comments -H 'Content-Type: application/json' -d '{"author": "Ada", "body": "Quite so."}'
    curl http://127.0.0.1:8080/posts/1

## The database

Where `DATABASE_URL` is set, that database is used, and migrated by nobody but you:

    rille migrate new "add tags to posts"     writes migrations/0002_add_tags_to_posts.sql, for you to fill in
    rille migrate                             applies what is new
    rille migrate diff                        writes it, from the `columns` that models declare

Without it, `rille dev` keeps its data in `.rille/pg` and applies what is new at its start. While it runs, `rille migrate`,
`rille exec`, `rille console` and `rille db psql` speak to that database, too; `export DATABASE_URL=$(rille db start)`
has it run without `rille dev`.

## In production

    docker build -t rille -f RILLE/docker/Dockerfile RILLE     once, where RILLE is the folder of Rille's sources
    docker compose up --build                                  the database, its migrations, the app on port 8080
]=],

  ["Dockerfile"] = [=[
# The app on top of Rille's own image: README.md says how that is made.
FROM rille
COPY --chown=root:root . /srv/app
WORKDIR /srv/app
CMD ["rille", "serve", "."]
]=],

  [".dockerignore"] = [=[
.git
.rille
spec
]=],

  ["compose.yaml"] = [=[
# POSTGRES_PASSWORD in the environment replaces the password below, which is for
# trying it on one machine: the database's port is not published.
x-app: &app
  image: NAME
  environment:
    DATABASE_URL: postgres://rille:${POSTGRES_PASSWORD:-rille}@database:5432/rille
  security_opt: ["no-new-privileges:true"]
  cap_drop: [ALL]

services:
  database:
    image: postgres:15
    environment:
      POSTGRES_USER: rille
      POSTGRES_DB: rille
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:-rille}
    volumes:
      - database:/var/lib/postgresql/data
    healthcheck:
      test: ["CMD", "pg_isready", "--host", "127.0.0.1", "--username", "rille", "--dbname", "rille"]
      interval: 2s
      timeout: 2s
      retries: 30
    restart: unless-stopped

  migrate:
    <<: *app
    build: .
    command: ["rille", "migrate", "up", "--no-dump"]
    depends_on:
      database:
        condition: service_healthy
    healthcheck:
      disable: true
    restart: "no"

  app:
    <<: *app
    ports:
      - "127.0.0.1:8080:8080"
    depends_on:
      migrate:
        condition: service_completed_successfully
    # Longer than drain_timeout: after it comes SIGKILL.
    stop_grace_period: 40s
    restart: unless-stopped

volumes:
  database:
]=],

  [".gitignore"] = [=[
/.rille/
]=],

  [".luarc.json"] = [=[
{
  "runtime.version": "LuaJIT",
  "runtime.path": ["?.lua", "?/init.lua"],
  "workspace.library": ["/usr/local/share/rille", "${3rd}/busted/library", "${3rd}/luassert/library"],
  "workspace.checkThirdParty": false,
  "diagnostics.globals": ["factory"]
}
]=],
}
