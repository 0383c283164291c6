// go -- the same routes by fasthttp and pgx, which people compare with: `go PORT`.
//
// DATABASE_URL is as for Rille. One processor (GOMAXPROCS=1 by its caller), prepared
// statements, batches where Rille sends batches.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"html/template"
	"log"
	"math/rand"
	"os"
	"sort"
	"strings"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
	"github.com/valyala/fasthttp"
)

const (
	worldCount = 10000
	listLen    = 64
	one        = "select id, randomnumber from world where id = $1"
	list       = "select id, randomnumber from world where id >= $1 order by id limit $2"
	write      = "update world set randomnumber = v.r from unnest($1::int[], $2::int[]) as v(id, r) where world.id = v.id"
)

type world struct {
	ID           int32 `json:"id"`
	RandomNumber int32 `json:"randomNumber"`
}

type fortune struct {
	ID      int32
	Message string
}

var page = template.Must(template.New("fortunes").Parse(
	`<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table><tr><th>id</th><th>message</th></tr>` +
		`{{range .}}<tr><td>{{.ID}}</td><td>{{.Message}}</td></tr>{{end}}</table></body></html>`))

var pool *pgxpool.Pool

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func answer(c *fasthttp.RequestCtx, value interface{}) {
	text, err := json.Marshal(value)
	check(err)
	c.SetContentType("application/json")
	c.SetBody(text)
}

func randomID() int32 { return int32(rand.Intn(worldCount) + 1) }

func randomWorlds(count int) []world {
	batch := &pgx.Batch{}
	for i := 0; i < count; i++ {
		batch.Queue(one, randomID())
	}
	results := pool.SendBatch(context.Background(), batch)
	defer results.Close()
	worlds := make([]world, count)
	for i := range worlds {
		check(results.QueryRow().Scan(&worlds[i].ID, &worlds[i].RandomNumber))
	}
	return worlds
}

func oneWorld(c *fasthttp.RequestCtx) {
	var w world
	check(pool.QueryRow(context.Background(), one, randomID()).Scan(&w.ID, &w.RandomNumber))
	answer(c, w)
}

func listWorlds(c *fasthttp.RequestCtx) {
	rows, err := pool.Query(context.Background(), list, rand.Intn(worldCount-listLen+1)+1, listLen)
	check(err)
	defer rows.Close()
	worlds := make([]world, 0, listLen)
	for rows.Next() {
		var w world
		check(rows.Scan(&w.ID, &w.RandomNumber))
		worlds = append(worlds, w)
	}
	check(rows.Err())
	answer(c, worlds)
}

func updateWorlds(c *fasthttp.RequestCtx) {
	worlds := randomWorlds(20)
	numbers := map[int32]int32{}
	for i := range worlds {
		numbers[worlds[i].ID] = randomID()
		worlds[i].RandomNumber = numbers[worlds[i].ID]
	}
	ids, values := make([]int32, 0, 20), make([]int32, 0, 20)
	for id := range numbers {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(a, b int) bool { return ids[a] < ids[b] })
	for _, id := range ids {
		values = append(values, numbers[id])
	}
	_, err := pool.Exec(context.Background(), write, ids, values)
	check(err)
	answer(c, worlds)
}

func fortunes(c *fasthttp.RequestCtx) {
	rows, err := pool.Query(context.Background(), "select id, message from fortune")
	check(err)
	defer rows.Close()
	all := []fortune{{0, "Additional fortune added at request time."}}
	for rows.Next() {
		var f fortune
		check(rows.Scan(&f.ID, &f.Message))
		all = append(all, f)
	}
	check(rows.Err())
	sort.Slice(all, func(a, b int) bool { return all[a].Message < all[b].Message })
	var out bytes.Buffer
	check(page.Execute(&out, all))
	c.SetContentType("text/html; charset=utf-8")
	c.SetBody(out.Bytes())
}

// No router: what is measured is no more than these routes need.
func route(c *fasthttp.RequestCtx) {
	switch path := string(c.Path()); path {
	case "/plaintext":
		c.SetContentType("text/plain; charset=utf-8")
		c.SetBodyString("Hello, World!")
	case "/json":
		answer(c, map[string]string{"message": "Hello, World!"})
	case "/db":
		oneWorld(c)
	case "/queries":
		answer(c, randomWorlds(20))
	case "/list", "/models":
		listWorlds(c)
	case "/updates":
		updateWorlds(c)
	case "/fortunes":
		fortunes(c)
	case "/echo":
		var value interface{}
		check(json.Unmarshal(c.PostBody(), &value))
		answer(c, value)
	default:
		parts := strings.Split(path, "/")
		if len(parts) == 5 && parts[1] == "users" && parts[3] == "posts" {
			answer(c, map[string]string{"user": parts[2], "post": parts[4]})
			return
		}
		c.Error("not found", fasthttp.StatusNotFound)
	}
}

func main() {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	check(err)
	config.MaxConns = 16
	pool, err = pgxpool.ConnectConfig(context.Background(), config)
	check(err)
	log.Fatal(fasthttp.ListenAndServe("127.0.0.1:"+os.Args[1], route))
}
