// go -- the same routes in Go, which people compare with: `go fasthttp PORT`, `go gin PORT`.
//
// DATABASE_URL is as for Rille. One processor (GOMAXPROCS=1 by its caller), pgx with prepared
// statements, batches where Rille sends batches (rows.go).
package main

import (
	"log"
	"os"
)

func main() {
	connect()
	serve := map[string]func(string) error{"fasthttp": serveFasthttp, "gin": serveGin}[os.Args[1]]
	log.Fatal(serve("127.0.0.1:" + os.Args[2]))
}
