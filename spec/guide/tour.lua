--- What should come of the samples in README.md, in their order: written here
-- and not there, since the tour is to be read in a minute.
return {
  tables = {
    "insert into countries values ('JP', 'JPN', '392', 'Japan', null, '🇯🇵')",
    "insert into users (email, name, country_code) values ('ada@example.com', 'Ada', 'JP')",
    "create table accounts (id integer primary key, balance integer not null check (balance >= 0))",
    "insert into accounts values (1, 100), (2, 0)",
  },
  talks = {
    [[
GET /
=> 200 Hello, World!
  Content-Type: text/plain; charset=utf-8

GET /countries/jp
=> 200 {"code":"JP","name":"Japan"}

GET /countries/xx
=> 404 {"error":{"code":"not_found","message":"no such country","request_id":"…"}}
]], [[
POST /notes {"text":"tea"}
=> 201 {"text":"tea","length":3}

POST /notes {"text":7}
=> 422 {"error":{"code":"invalid","message":"text is missing","details":[{"path":"text","message":"must be a string"}],"request_id":"…"}}
]], [[
POST /transfer {"from":1,"to":2,"amount":60}
=> 204

POST /transfer {"from":1,"to":2,"amount":60}
=> 500 …
]], [[
GET /summary
=> 200 {"users":1,"orders":0}
]], [[
GET /api/ping
=> 200 {"pong":true}
  X-Request-Id: …
]],
  },
}
