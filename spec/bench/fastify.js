// fastify -- the same routes in Node: `node fastify.js PORT`, with fastify and pg in NODE_PATH.
'use strict'
const fastify = require('fastify')({ logger: false, bodyLimit: 2 * 1024 * 1024 })
const { Pool } = require('pg')

const WORLD_COUNT = 10000
const LIST_LEN = 64
const ONE = { name: 'one', text: 'select id, randomnumber as "randomNumber" from world where id = $1' }
const LIST = {
  name: 'list',
  text: 'select id, randomnumber as "randomNumber" from world where id >= $1 order by id limit $2'
}
const FORTUNES = { name: 'fortunes', text: 'select id, message from fortune' }
const WRITE = {
  name: 'write',
  text: 'update world set randomnumber = v.r from unnest($1::int[], $2::int[]) as v(id, r) where world.id = v.id'
}

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 16 })
const draw = most => 1 + Math.floor(Math.random() * most)
const rows = async (query, ...values) => (await pool.query({ ...query, values })).rows
const row = async () => (await rows(ONE, draw(WORLD_COUNT)))[0]
const some = count => Promise.all(Array.from({ length: count }, row))
const list = () => rows(LIST, draw(WORLD_COUNT - LIST_LEN + 1), LIST_LEN)

const MARKS = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escape = text => text.replace(/[&<>"']/g, mark => MARKS[mark])

fastify.get('/plaintext', async (request, reply) => {
  reply.type('text/plain; charset=utf-8')
  return 'Hello, World!'
})
fastify.get('/json', async () => ({ message: 'Hello, World!' }))
fastify.get('/users/:user/posts/:post', async request => ({ user: request.params.user, post: request.params.post }))
for (let n = 1; n <= 33; n++) {
  fastify.get(`/res${n}`, async () => ({ res: n }))
  fastify.get(`/res${n}/:id`, async request => ({ res: n, id: request.params.id }))
  fastify.get(`/res${n}/:id/sub${n}/:sub`, async request => ({ res: n, id: request.params.id, sub: request.params.sub }))
}
fastify.post('/echo', async request => request.body)

fastify.decorateRequest('passed', 0)
const pass = (request, reply, done) => { request.passed++; done() }
fastify.get('/stack', { preHandler: Array(10).fill(pass) }, async (request, reply) => {
  reply.type('text/plain; charset=utf-8')
  return String(request.passed)
})

const names = Array.from({ length: 20 }, (_, i) => `field${i + 1}`)
const text = { type: 'string', minLength: 1, maxLength: 40 }
const body = { type: 'object', required: names, properties: Object.fromEntries(names.map(name => [name, text])) }
fastify.post('/validate', { schema: { body } }, async request => ({ fields: Object.keys(request.body).length }))

fastify.get('/db', row)
fastify.get('/queries', () => some(20))
fastify.get('/list', list)
fastify.get('/models', list)
fastify.get('/updates', async () => {
  const worlds = await some(20)
  const numbers = new Map(worlds.map(world => [world.id, draw(WORLD_COUNT)]))
  for (const world of worlds) world.randomNumber = numbers.get(world.id)
  const ids = [...numbers.keys()].sort((a, b) => a - b)
  await rows(WRITE, ids, ids.map(id => numbers.get(id)))
  return worlds
})
fastify.get('/fortunes', async (request, reply) => {
  const all = [...await rows(FORTUNES), { id: 0, message: 'Additional fortune added at request time.' }]
  all.sort((a, b) => (a.message < b.message ? -1 : 1))
  reply.type('text/html; charset=utf-8')
  return '<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table><tr><th>id</th><th>message</th></tr>' +
    all.map(f => `<tr><td>${f.id}</td><td>${escape(f.message)}</td></tr>`).join('') + '</table></body></html>'
})

fastify.listen({ host: '127.0.0.1', port: Number(process.argv[2]) })
