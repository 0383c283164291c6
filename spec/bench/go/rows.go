package main

import (
	"bytes"
	"context"
	"html/template"
	"math/rand"
	"os"
	"sort"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
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

func connect() {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	check(err)
	config.MaxConns = 16
	pool, err = pgxpool.ConnectConfig(context.Background(), config)
	check(err)
}

func randomID() int32 { return int32(rand.Intn(worldCount) + 1) }

func oneWorld() (w world) {
	check(pool.QueryRow(context.Background(), one, randomID()).Scan(&w.ID, &w.RandomNumber))
	return w
}

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

func listWorlds() []world {
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
	return worlds
}

func updateWorlds() []world {
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
	return worlds
}

func fortunes() []byte {
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
	return out.Bytes()
}
